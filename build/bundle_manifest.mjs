/** The version of the format that hosts of MCP bundles know today. */
const manifestVersion = '0.3';

/**
 * The manifest.json of a platform's MCP bundle: what a host such as Claude Desktop shows, asks for and starts. A question
 * that is left open stays empty, which the server takes for not set.
 *
 * @param project package.json
 * @param tools the list of tools that the build made
 */
export function bundleManifest(project, tools, platform) {
  const [system] = platform.split('-');
  const { name, version, description, author, repository, homepage, bugs, license, keywords } = project;
  return {
    manifest_version: manifestVersion,
    name,
    display_name: 'ModelYard',
    version,
    description,
    author,
    repository: { type: 'git', url: repository.url.replace(/^git\+/, '') },
    homepage,
    documentation: homepage,
    support: bugs.url,
    license,
    keywords,
    server: {
      type: 'node',
      entry_point: 'dist/src/main.js',
      mcp_config: {
        command: 'node',
        args: [`\${__dirname}/dist/src/main.js`],
        env: Object.fromEntries(
          Object.entries(asked).map(([key, { setting }]) => [setting, `\${user_config.${key}}`]),
        ),
      },
    },
    tools: tools.map(({ told }) => ({ name: told.name, description: told.title })),
    compatibility: { platforms: [system], runtimes: { node: project.engines.node } },
    user_config: Object.fromEntries(
      Object.entries(asked).map(([key, { setting: _, ...question }]) => [
        key,
        { ...question, required: false },
      ]),
    ),
  };
}

/** What the host asks its user, with the setting that the answer becomes. */
const asked = {
  directory: {
    setting: 'MODEL_REGISTRY_DIR',
    type: 'directory',
    title: 'Directory of the store',
    description: 'Where models, predictions and logs are kept. Empty: a directory of your own for ModelYard.',
    default: '',
  },
  allowed_roots: {
    setting: 'MODELYARD_ALLOWED_ROOTS',
    type: 'string',
    title: 'Directories that files may come from',
    description:
      'Absolute paths, separated as in PATH (":", on Windows ";"). Empty: your home and the temporary directory.',
    default: '',
  },
  role: {
    setting: 'MODELYARD_ROLE',
    type: 'string',
    title: 'Role',
    description: 'viewer (reads), client (predicts too), operator (deploys and promotes too) or admin.',
    default: 'operator',
  },
  approvals: {
    setting: 'MODELYARD_APPROVALS',
    type: 'string',
    title: 'Approvals',
    description: 'When you are asked before a change of production: off, ask or required.',
    default: 'ask',
  },
  mlflow: {
    setting: 'MLFLOW_TRACKING_URI',
    type: 'string',
    title: 'MLflow',
    description: 'Address of an MLflow tracking server that is kept in step. Empty: none.',
    default: '',
  },
};
