import type { Seed } from './seed.ts';
import { bytesPerToken } from './tokens.ts';

// Every word has three or seven letters: with its space it is exactly one or two tokens of the emulator's tokenizer,
// so a text of n tokens can be made exactly, and still reads as sentences of a kind.
const articles = ['the', 'one', 'any', 'our', 'her', 'his'];
const nouns = ['carrier', 'harbour', 'journal', 'message', 'channel', 'captain', 'weather', 'lantern', 'compass'];
const shortNouns = ['sea', 'map', 'fog', 'log', 'bay', 'oar', 'tug', 'sky'];
const verbs = ['saw', 'met', 'hid', 'led', 'won', 'fed', 'lit', 'ran'];
const joints = ['and', 'but', 'yet', 'for', 'now'];
const pattern = [articles, nouns, verbs, articles, shortNouns, joints];

/** A text of exactly so many tokens; empty for none. */
export function writeText(seed: Seed, tokens: number): string {
  if (tokens <= 0) return '';
  const length = tokens * bytesPerToken - 1;
  const words: string[] = [];
  let written = -1;
  for (let position = 0; written < length; position += 1) {
    const choices = pattern[position % pattern.length]!;
    const word = choices[seed.below(choices.length)]!;
    words.push(word);
    written += word.length + 1;
  }
  return words.join(' ').slice(0, length);
}

export function writeWord(seed: Seed): string {
  return shortNouns[seed.below(shortNouns.length)]!;
}
