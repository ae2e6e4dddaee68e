/** What a Deployment of `modelyard serve` is made of. */
export interface ServerPlace {
  namespace: string | undefined;
  image: string;
  serviceAccount: string;
  /** `s3://bucket/prefix`; undefined: artifacts are in a folder, which pods do not share. */
  artifacts: string | undefined;
}

/** Of the object store: the names of AWS's environment variables. */
const storeSecret = 'modelyard-object-store';
/** Of PostgreSQL: DATABASE_URL. */
const databaseSecret = 'modelyard-database';

const name = 'modelyard';
const labels = { 'app.kubernetes.io/name': name };
const port = 8080;
const directory = '/var/lib/modelyard';
/** How long calls are still taken at the end: no load balancer hears of it at once, seconds. */
const drainSeconds = 15;
/** Longer than that and what is under way then, seconds. */
const graceSeconds = 60;
/** A model's host is ended at it, MB; the machine's memory says nothing of the container's. */
const engineMemoryMb = 1500;

/** The account of both: its secret is how KServe reads the object store. */
export function serviceAccount({ namespace, serviceAccount: account }: ServerPlace) {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(account, namespace),
    secrets: [{ name: storeSecret }],
  };
}

/** `modelyard serve`, in as many pods as are wanted: what they share is PostgreSQL and the object store. */
export function serveDeployment({ namespace, image, serviceAccount: account, artifacts }: ServerPlace) {
  const probe = (path: string) => ({ httpGet: { path, port: 'http' } });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(name, namespace),
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: account,
          automountServiceAccountToken: false,
          // Else the Service's variables, MODELYARD_PORT and so on, would be taken for settings that nobody knows.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: graceSeconds,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1000,
            runAsGroup: 1000,
            fsGroup: 1000,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name,
              image,
              args: [
                'serve',
                '--host=0.0.0.0',
                `--port=${port}`,
                `--drain-seconds=${drainSeconds}`,
                ...[
                  '',
                  '.$(POD_NAMESPACE)',
                  '.$(POD_NAMESPACE).svc',
                  '.$(POD_NAMESPACE).svc.cluster.local',
                ].map((domain) => `--allowed-host=${name}${domain}`),
              ],
              ports: [{ name: 'http', containerPort: port }],
              envFrom: [
                { secretRef: { name: databaseSecret } },
                // Where pods have a role of their own there are no keys.
                { secretRef: { name: storeSecret, optional: true } },
              ],
              env: [
                { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
                { name: 'MODEL_REGISTRY_DIR', value: directory },
                { name: 'MODELYARD_ENGINE_MEMORY_MB', value: String(engineMemoryMb) },
                ...(artifacts === undefined ? [] : [{ name: 'MODELYARD_ARTIFACTS', value: artifacts }]),
              ],
              startupProbe: { ...probe('/v2/health/live'), periodSeconds: 2, failureThreshold: 60 },
              livenessProbe: { ...probe('/v2/health/live'), periodSeconds: 10, timeoutSeconds: 5 },
              readinessProbe: { ...probe('/v2/health/ready'), periodSeconds: 2, failureThreshold: 1 },
              resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '4Gi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [
                { name: 'store', mountPath: directory },
                { name: 'temporary', mountPath: '/tmp' },
              ],
            },
          ],
          volumes: [
            { name: 'store', emptyDir: {} },
            { name: 'temporary', emptyDir: {} },
          ],
        },
      },
    },
  };
}

/** The address of the Deployment's pods. */
export function serveService({ namespace }: ServerPlace) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(name, namespace),
    spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  };
}

function metadataOf(object: string, namespace: string | undefined) {
  return { name: object, ...(namespace !== undefined && { namespace }), labels };
}
