import { t } from '../../../texts/translate.ts';

/** The first that is found counts: browsers also name those that they want to be taken for. */
const BROWSERS = {
  Edge: /\bEdgA?\//,
  Opera: /\bOPR\//,
  Firefox: /\bFirefox|\bFxiOS/,
  Chrome: /Chrome\/|\bCriOS/,
  Safari: /\bSafari\//,
};
const SYSTEMS = {
  iPhone: /\biPhone\b/,
  iPad: /\biPad\b/,
  Android: /\bAndroid\b/,
  Windows: /\bWindows\b/,
  macOS: /\bMac OS X\b/,
  ChromeOS: /\bCrOS\b/,
  Linux: /\bLinux\b/,
};

/** What to call a browser in the list of devices: `Firefox on Linux`. */
export function deviceName(userAgent = ''): string {
  const found = (names: Readonly<Record<string, RegExp>>) =>
    Object.entries(names).find(([, pattern]) => pattern.test(userAgent))?.[0];
  const [browser, system] = [found(BROWSERS), found(SYSTEMS)];
  if (system === undefined) return browser ?? t('A browser');
  return browser === undefined
    ? t('A browser on {system}', { system })
    : t('{browser} on {system}', { browser, system });
}
