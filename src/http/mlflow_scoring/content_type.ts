/** How a request's body is to be read; `refused` says why it cannot be, as MLflow's server says it with status 415. */
export type BodyFormat = { format: 'csv' | 'json' } | { refused: string };

/**
 * The content types of MLflow's scoring server: text/csv and application/json, in UTF-8. SageMaker and Databricks send the
 * same; a body without a content type is taken for JSON, as curl's users mean it.
 */
export function bodyFormat(contentType: string | undefined): BodyFormat {
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim());
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=').map((part) => part.trim().toLowerCase());
    if (name !== 'charset' && name !== '')
      return { refused: `Unrecognized content type parameters: ${name.slice(0, 60)}.` };
    if (name === 'charset' && !['utf-8', 'utf8', '"utf-8"'].includes(value))
      return { refused: 'The scoring server only supports UTF-8' };
  }
  switch (type.toLowerCase()) {
    case '':
    case 'application/json':
      return { format: 'json' };
    case 'text/csv':
      return { format: 'csv' };
    default:
      return {
        refused: `This predictor only supports the following content types: text/csv, application/json. Got '${type.slice(0, 100)}'.`,
      };
  }
}
