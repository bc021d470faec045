/** Everything a command touches outside itself, so that tests run the real commands in-process. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly out: TextSink;
  readonly err: TextSink;
  /** Sends a request to the server. */
  readonly send: (request: Request) => Promise<Response>;
  /** Text of a file, or of standard input for `-`. */
  readonly readText: (path: string) => string;
  readonly writeText: (path: string, text: string) => void;
}

export interface TextSink {
  write(text: string): void;
  readonly isTerminal: boolean;
}
