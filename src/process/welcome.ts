export interface WelcomeFacts {
  readonly url: string;
  readonly adminUrl: string;
  readonly dataDirectory: string;
  /** File with the management API's key; undefined when it came from the environment. */
  readonly adminKeyPath: string | undefined;
  /** A key that works, in a file, and a model that it may use; undefined when there is none. */
  readonly example: { readonly keyPath: string; readonly model: string; readonly sandbox: boolean } | undefined;
  /** Keys of providers in the environment that do nothing yet. */
  readonly unusedVariables: readonly string[];
  /** How the command line is called here: `npm run -s carrier --` or `carrier`. */
  readonly command: string;
  readonly startedInMs: number;
}

/** What a person sees when the carrier serves: where, how to try it, where the keys are. No secret is in it. */
export function welcome(facts: WelcomeFacts): string {
  const { url, adminUrl, dataDirectory, adminKeyPath, example, unusedVariables, command, startedInMs } = facts;
  const seconds = (startedInMs / 1_000).toFixed(1);
  const lines = [
    '',
    `  Common Carrier serves at ${url}  (ready in ${seconds} s)`,
    '',
    `  data        ${dataDirectory}`,
    `  console     ${adminUrl}/console/`,
    `  admin API   ${adminUrl}/api/v1/openapi.json`,
    `  admin key   ${adminKeyPath ?? 'as given in CARRIER_ADMIN_KEY'}`,
  ];
  if (unusedVariables.length > 0) {
    lines.push(`  not used    ${unusedVariables.join(', ')}: their providers cannot be called yet`);
  }
  if (example === undefined) {
    lines.push('', `  Create a first key:  ${command} keys create --project acme/web --name first`);
  } else {
    lines.push(
      '',
      example.sandbox ? '  Try it (an emulated provider answers):' : '  Try it:',
      '',
      ...curl(url, example).map(line => `    ${line}`),
    );
  }
  lines.push('', `  Then see what it cost:  ${command} usage`, '');
  return lines.join('\n');
}

function curl(url: string, example: { readonly keyPath: string; readonly model: string }): string[] {
  const body = JSON.stringify({ model: example.model, messages: [{ role: 'user', content: 'Say hello.' }] });
  return [
    `curl -s ${url}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $(cat ${shellQuote(example.keyPath)})" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${shellQuote(body)}`,
  ];
}

/** Inside single quotes the shell reads everything literally; a single quote itself has to leave them. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
