/** How `modelyard serve` was started. */
export interface ServeOptions {
  /** The name or address that it listens on. */
  host: string;
  /** 0: a free one. */
  port: number;
  /** Of gRPC; 0: a free one; undefined: gRPC is not served. */
  grpcPort: number | undefined;
  workers: number;
  /** The model at the addresses of MLflow's server, which serves one; undefined: none. */
  model: string | undefined;
  /** Files of the certificate chain and the key (PEM); undefined: plain HTTP. */
  tls: { certFile: string; keyFile: string } | undefined;
  /** Names besides localhost that a Host header may have. */
  allowedHosts: readonly string[];
  /** Pages of other servers that browsers may call this one from; `*`: all. */
  allowedOrigins: readonly string[];
  maxBodyBytes: number;
  /** Calls a second of each caller; undefined: as many as there are. */
  maxRate: number | undefined;
  /** How long after a signal new calls are still taken, milliseconds. */
  drainMs: number;
}
