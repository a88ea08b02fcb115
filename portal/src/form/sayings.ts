// What the API says of fields in English, in the reader's language: the refusals that people meet. What is not here is shown
// in the API's own words.
import type { TFunction } from 'i18next';
import type { ProblemError } from '@/api/problem';
import { formatNumber } from '@/format/format';

type Say = (t: TFunction, parts: readonly string[]) => string;

const sayings: readonly [RegExp, Say][] = [
  [/is already used by provider (.+?)(?:\. |$)/, (t, [name = '']) => t('providers.faults.taken', { name })],
  [/^`username` is needed/, (t) => t('providers.faults.username')],
  [/^`password` must be given again/, (t) => t('providers.faults.passwordAgain')],
  [/^`password` is needed/, (t) => t('providers.faults.password')],
  [/must not be empty|is missing|^`endpoints\[\d+\]` is needed|must hold at least one/, (t) => t('providers.faults.needed')],
  [/must have no spaces in it|it contains blanks/, (t) => t('providers.faults.spaces')],
  [/cannot begin with ([^ ]+):\/\/: vSphere/, (t, [scheme = '']) => t('providers.faults.scheme', { scheme })],
  [/must not hold a user name or password/, (t) => t('providers.faults.userInAddress')],
  [/must not hold a password|a password must not be part of the URI/, (t) => t('providers.faults.passwordInAddress')],
  [/leads to the same place as endpoints\[(\d+)\]/, (t, [first = '0']) => t('providers.faults.sameLine', { line: Number(first) + 1 })],
  [/the driver "([^"]*)" is not supported/, (t, [driver = '']) => t('providers.faults.driver', { driver })],
  [/the transport "([^"]*)" is not supported/, (t, [transport = '']) => t('providers.faults.transport', { transport })],
  [/it is not a URI: a scheme/, (t) => t('providers.faults.notUri')],
  [/^`endpoints\[\d+\]` is not an address/, (t) => t('providers.faults.notAddress')],
  [/is not a SHA-256 fingerprint/, (t) => t('providers.faults.fingerprint')],
  [/is not a bundle of certificates/, (t) => t('providers.faults.notPem')],
  [/holds a private key/, (t) => t('providers.faults.privateKey')],
  [/is not the present password/, (t) => t('providers.faults.wrongPassword')],
  [/^`new_password` is the present one/, (t) => t('providers.faults.samePassword')],
  [/is too short: at least 12/, (t) => t('providers.faults.shortPassword')],
  [/must not contain the user name/, (t) => t('providers.faults.ownName')],
  [/^there is a binding named .+ already/, (t) => t('access.faults.boundAlready')],
  [/^there is an? [a-z ]+ named (.+?) already/, (t, [name = '']) => t('access.faults.exists', { name })],
  [/names no (?:tenant|project|user|group|role|object)/, (t) => t('access.faults.noSuch')],
  [/must be 1 to 64 letters, digits or/, (t) => t('access.faults.username')],
  [/is not an address such as ann@/, (t) => t('access.faults.email')],
  [/must not contain `\/`: it stands between/, (t) => t('access.faults.slash')],
  [/must name at least one\b/, (t) => t('access.faults.onePermission')],
  [/is the tenant itself, or below it/, (t) => t('access.faults.cycle')],
  [/tenants can be below one another/, (t) => t('access.faults.deep')],
  [/would lock you out/, (t) => t('access.faults.lockedOut')],
  [/belongs to a tenant in which this place is not/, (t) => t('access.faults.roleElsewhere')],
  [/^`limits\[\d+\]\.\w+` must be from 0 to (\d+)/, (t, [most = '']) => t('quotas.faults.most', { most: formatNumber(Number(most)) })],
  [/^`limits\[\d+\]\.soft` must not be above the hard limit/, (t) => t('quotas.faults.softAbove')],
  [/^`expires_in_days` must be from 1 to 3650/, (t) => t('providers.faults.days')],
];

/** The API's refusal of a field in the reader's language. */
export function sayingOf(t: TFunction, error: ProblemError): string | undefined {
  const detail = error.problem.detail ?? '';
  // Several addresses are typed as lines of one field.
  const line = /^`endpoints\[(\d+)\]` (?:is not a libvirt address|leads to the same place)/.exec(detail)?.[1];
  for (const [pattern, say] of sayings) {
    const found = pattern.exec(detail);
    if (!found) continue;
    const fault = say(t, found.slice(1));
    return line ? t('providers.faults.line', { line: Number(line) + 1, fault }) : fault;
  }
  return undefined;
}
