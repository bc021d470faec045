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
  /** Asks a person without showing the answer; absent where there is none. */
  readonly askSecret?: (question: string) => Promise<string>;
}

export interface TextSink {
  write(text: string): void;
  readonly isTerminal: boolean;
}
