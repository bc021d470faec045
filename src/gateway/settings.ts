/** What the data plane is told at start. process/messages.ts carries it to a worker. */
export interface GatewaySettings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Let several workers listen on the same port, each with its own accept queue. */
  readonly reusePort?: boolean;
  readonly tls: TlsFiles | undefined;
  /** Unix socket of the supervisor's admin server, to which /api, /console and /metrics are passed; undefined: none. */
  readonly adminSocket: string | undefined;
  readonly proxy: { readonly httpsProxy: string | undefined; readonly noProxy: string | undefined };
  readonly limits: DataPlaneLimits;
  /** Processes that share this replica's deployments, this one among them; 1 unless said. */
  readonly sharers?: number;
  /** Where this process runs, for what it does itself with prompts; undefined is GLOBAL. */
  readonly zone?: string | undefined;
  /** Networks that media may be fetched from beside public addresses; none unless said. */
  readonly mediaFetch?: { readonly allowAddresses: readonly string[] };
}

/** PEM files, read again when they change. */
export interface TlsFiles {
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** Bounds of the data plane. Reaching one is a named fault in the client's own dialect. */
export interface DataPlaneLimits {
  /** Default 32 MiB; `body_too_large`. */
  readonly bodyBytesMax: number;
  /** Default 100 (times its compressed size) ; `body_too_large`. */
  readonly decompressionRatioMax: number;
  /** Default 32 KiB, at most 200 headers; `headers_too_large`. */
  readonly headerBytesMax: number;
  /** Default 10 s; `request_timeout`. */
  readonly headersTimeoutMs: number;
  /** Default 30 s without a byte of body; `request_timeout`. */
  readonly bodyIdleTimeoutMs: number;
  /** Default 20,000 a worker; further connections are closed. */
  readonly connectionsMax: number;
  /** Default 10,000 a worker; `overloaded`. */
  readonly exchangesMax: number;
  /** Whole answers held in memory for translation; default 32 MiB; `upstream_response_too_large`. */
  readonly responseBytesMax: number;
  /** One event of a stream; default 8 MiB; `upstream_malformed`. */
  readonly eventBytesMax: number;
  /** Bytes waiting for a client that does not read; reading upstream pauses above it. Default 256 KiB. */
  readonly clientBufferBytesMax: number;
  /** How long a client may not read before its exchange is aborted. Default 60 s. */
  readonly clientStallTimeoutMs: number;
}

export const dataPlaneLimitsDefault: DataPlaneLimits = {
  bodyBytesMax: 32 * 1024 * 1024,
  decompressionRatioMax: 100,
  headerBytesMax: 32 * 1024,
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 30_000,
  connectionsMax: 20_000,
  exchangesMax: 10_000,
  responseBytesMax: 32 * 1024 * 1024,
  eventBytesMax: 8 * 1024 * 1024,
  clientBufferBytesMax: 256 * 1024,
  clientStallTimeoutMs: 60_000,
};
