/** MLflow's name of an error, by its HTTP status. */
const names: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  409: 'INVALID_STATE',
  413: 'RESOURCE_EXHAUSTED',
  422: 'INVALID_PARAMETER_VALUE',
  429: 'REQUEST_LIMIT_EXCEEDED',
  499: 'CANCELLED',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Any other that the request is to blame for is BAD_REQUEST, as MLflow's server has it. */
export function errorCodeOf(status: number): string {
  return names[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR');
}
