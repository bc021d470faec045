import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProfileRule, ReasoningForm } from '../completion/profile.ts';
import { reasoningEfforts } from '../completion/request.ts';
import * as forms from './reasoning-forms.ts';

function formOf(rules: readonly ProfileRule[], model: string): ReasoningForm | undefined {
  return rules.filter(({ models }) => models?.test(model) ?? true).findLast(({ change }) => change.reasoning)?.change
    .reasoning;
}

/** style, efforts, off, thinks unasked */
function summary(rules: readonly ProfileRule[], model: string): string {
  const form = formOf(rules, model);
  if (form === undefined) return 'as the dialect says';
  const efforts = form.efforts.length === 0 ? '-' : `${form.efforts[0]}..${form.efforts.at(-1)}/${form.efforts.length}`;
  return `${form.style} ${efforts} ${form.off}${form.thinksUnasked ? ' unasked' : ''}`;
}

test('each Claude is told to think in its own way', () => {
  const rows: Record<string, string> = {
    'claude-3-5-haiku-20241022': 'none - silence',
    'claude-3-opus-latest': 'none - silence',
    'claude-3-7-sonnet-20250219': 'budget - thinking-disabled',
    'claude-sonnet-4-20250514': 'budget - thinking-disabled',
    'claude-opus-4-20250514': 'budget - thinking-disabled',
    'claude-opus-4-1-20250805': 'budget - thinking-disabled',
    'claude-sonnet-4-5-20250929': 'budget - thinking-disabled',
    'anthropic/claude-sonnet-4.5': 'budget - thinking-disabled',
    'claude-haiku-4-5': 'budget - thinking-disabled',
    'us.anthropic.claude-haiku-4-5-20251001-v1:0': 'budget - thinking-disabled',
    'claude-opus-4-5-20251101': 'budget low..high/3 thinking-disabled',
    'claude-opus-4-6': 'adaptive low..max/4 thinking-disabled',
    'claude-sonnet-4-6': 'adaptive low..max/4 thinking-disabled',
    'claude-mythos-preview': 'adaptive low..max/4 never unasked',
    'claude-opus-4-7': 'adaptive low..max/5 thinking-disabled',
    'claude-opus-4-8': 'adaptive low..max/5 thinking-disabled',
    'claude-sonnet-5': 'adaptive low..max/5 thinking-disabled unasked',
    'claude-sonnet-5-20260601': 'adaptive low..max/5 thinking-disabled unasked',
    'claude-opus-5': 'adaptive low..max/5 thinking-disabled unasked',
    'claude-fable-5': 'adaptive low..max/5 never unasked',
    'claude-opus-5-5': 'adaptive low..max/5 never unasked',
    'claude-sonnet-5-5': 'adaptive low..max/5 between-tools unasked',
    'claude-haiku-5-5': 'adaptive low..max/5 thinking-disabled unasked',
    'claude-of-the-future': 'adaptive low..max/5 never unasked',
    claude: 'as the dialect says',
    'sandbox-large': 'as the dialect says',
  };
  for (const [model, expected] of Object.entries(rows)) {
    assert.equal(summary(forms.claudeRules, model), expected, model);
  }
});

test('each model of OpenAI takes the efforts that it documents', () => {
  const rows: Record<string, string> = {
    'gpt-4o': 'none - silence',
    'gpt-4.1-mini': 'none - silence',
    'chatgpt-4o-latest': 'none - silence',
    o3: 'effort low..high/3 never unasked',
    'o4-mini-2025-04-16': 'effort low..high/3 never unasked',
    'gpt-5': 'effort minimal..high/4 never unasked',
    'gpt-5-mini-2025-08-07': 'effort minimal..high/4 never unasked',
    'gpt-5-pro': 'effort high..high/1 never unasked',
    'gpt-5-chat-latest': 'none - silence',
    'gpt-5.1': 'effort low..high/3 effort-none',
    'gpt-5.1-chat-latest': 'none - silence',
    'gpt-5.1-codex-max': 'effort low..xhigh/4 effort-none',
    'gpt-5.2': 'effort low..xhigh/4 effort-none',
    'gpt-5.5-mini': 'effort low..xhigh/4 effort-none',
    'gpt-5.6-terra': 'effort low..max/5 effort-none unasked',
    'gpt-7': 'effort low..max/5 effort-none unasked',
  };
  for (const [model, expected] of Object.entries(rows)) {
    assert.equal(summary(forms.openaiRules, model), expected, model);
  }
});

test('other hosts take what they document', () => {
  assert.equal(summary(forms.deepseekRules, 'deepseek-v4-pro'), 'effort low..max/3 thinking-disabled unasked');
  assert.equal(summary(forms.deepseekRules, 'deepseek-chat'), 'none - silence');
  assert.equal(summary(forms.deepseekRules, 'deepseek-reasoner'), 'none - silence unasked');
  assert.equal(summary(forms.groqRules, 'openai/gpt-oss-120b'), 'effort low..high/3 never unasked');
  assert.equal(summary(forms.groqRules, 'llama-3.1-8b-instant'), 'none - silence');
  assert.equal(summary(forms.mistralRules, 'magistral-medium-latest'), 'none - silence unasked');
  assert.equal(summary(forms.xaiRules, 'grok-4-fast-reasoning'), 'none - silence');
  assert.equal(summary(forms.xaiRules, 'grok-3-mini'), 'effort low..high/2 never unasked');
});

test('every form is whole: efforts in order, and nothing that contradicts itself', () => {
  for (const rules of Object.values(forms)) {
    for (const { change } of rules) {
      const form = change.reasoning;
      if (form === undefined) continue;
      const places = form.efforts.map(effort => reasoningEfforts.indexOf(effort));
      assert.deepEqual(
        places,
        [...new Set(places)].sort((one, other) => one - other),
      );
      if (form.off === 'never') assert.ok(form.thinksUnasked, 'what cannot be turned off is on unasked');
      if (form.style === 'none') assert.deepEqual(form.efforts, []);
      // Where lost state turns thinking off, it can be; what the current turn lost is written as bypassed.
      const isTurnedOff = form.needsState !== 'never' && form.needsState !== 'current-tool-turns';
      if (isTurnedOff) assert.ok(form.off !== 'never' && form.off !== 'between-tools');
    }
  }
});
