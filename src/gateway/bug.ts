/** Where an unexpected error came from, without its message: messages of parsers quote what they were given, and that may
 *  be a prompt. */
export function describeBug(error: unknown): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '));
  return [error.name, ...frames.slice(0, framesMax).map(frame => frame.trim())].join(' ');
}

const framesMax = 4;
