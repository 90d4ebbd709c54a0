import assert from 'node:assert/strict';
import { type ParsedCommand, type ParseOptions, parseCommand } from '../../../src/bot/command/parse.ts';
import type { ImagineRequest } from '../../../src/bot/job.ts';
import { DEFAULT_LIMITS, type RequestLimits } from '../../../src/bot/request-limits.ts';
import { UserError } from '../../../src/system/errors.ts';

/** Narrower than any model's, so that texts and limits in the tests stay short. */
export const LIMITS: RequestLimits = { ...DEFAULT_LIMITS, minSide: 128, maxSide: 3072, maxPixels: 2048 * 2048 };
const OPTIONS: ParseOptions = { limits: LIMITS, randomSeed: () => 4242n };

export function parse(text: string, options: Partial<ParseOptions> = {}): ParsedCommand {
  return parseCommand(text, { ...OPTIONS, ...options });
}

export function imagine(
  text: string,
  options: Partial<ParseOptions> = {},
): { request: ImagineRequest; notes: readonly string[]; doubt?: readonly string[] } {
  const parsed = parse(text, options);
  assert.ok(parsed.kind === 'imagine', `expected a request, got ${parsed.kind}`);
  return parsed;
}

/** The command after "Try:" in a hint, checked to be accepted. */
export function correctedIn(error: UserError, options: Partial<ParseOptions> = {}): string {
  const { hint = '' } = error;
  const at = hint.indexOf('Try: ');
  assert.ok(at >= 0, `no corrected example in the hint: ${hint}`);
  const example = hint.slice(at + 'Try: '.length);
  const { options: _options, defaults: _defaults, ...rest } = { ...OPTIONS, ...options };
  assert.doesNotThrow(() => parseCommand(example, rest), `the corrected example is not accepted: ${example}`);
  return example;
}

export function refusal(text: string, options: Partial<ParseOptions> = {}): { error: UserError; corrected: string } {
  try {
    parse(text, options);
  } catch (error) {
    assert.ok(error instanceof UserError, `expected a UserError, got ${String(error)}`);
    return { error, corrected: correctedIn(error, options) };
  }
  assert.fail(`accepted: ${text}`);
}
