import i18n from 'i18next';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ProblemError, type Problem } from '@/api/problem';
import { chooseLanguage, startLanguages } from '@/i18n';
import { sayingOf } from './sayings';

const said = (detail: string) => sayingOf(i18n.t, new ProblemError({ type: '/docs/problems/invalid-field', title: '', status: 422, detail } as Problem));

const INPUT = 'src/app/provider_input.rs';
const VSPHERE = 'src/provider/vsphere/connect.rs';
const LIBVIRT = 'kvm/src/uri.rs';

/** A refusal as it comes, the words of it that stand in the gateway's sources, and what is said. */
const refusals: readonly [detail: string, file: string, words: string, said: string][] = [
  ['`name` is already used by provider vc lab. Edit that one', 'src/app/error.rs', '` is already used by provider {name}', 'The provider “vc lab” has this already.'],
  ['`name` must not be empty', 'src/app/mod.rs', 'must not be empty', 'This is needed.'],
  ['`endpoints` must hold at least one address', INPUT, 'must hold at least one address', 'This is needed.'],
  ['`endpoints[0]` is needed: the name of a vCenter', VSPHERE, 'is needed: the name of a vCenter', 'This is needed.'],
  ['`endpoints[0]` must have no spaces in it', VSPHERE, 'must have no spaces in it', 'An address has no spaces in it.'],
  ['`endpoints[0]` cannot begin with ftp://: vSphere is reached', VSPHERE, 'cannot begin with {scheme}://: vSphere is reached', 'A vCenter or ESXi host is reached by https only, not by ftp.'],
  ['`endpoints[0]` must not hold a user name or password; they', VSPHERE, 'must not hold a user name or password; they', 'Leave user name and password out of the address: they have fields of their own.'],
  ['`endpoints[0]` is not an address: empty host', VSPHERE, 'is not an address: {error}', 'That is not an address: give the name of the host, such as vcenter.example.org.'],
  ['`endpoints[0]` must not hold a password: give it as', INPUT, 'must not hold a password: give it as', 'Leave the password out of the address: it has a field of its own, and is kept sealed.'],
  ['`endpoints[3]` leads to the same place as endpoints[0]', INPUT, 'leads to the same place as endpoints[{other}]', 'Line 4: It leads to the same host as line 1.'],
  ['`endpoints[1]` is not a libvirt address that can be used: the driver "xen" is not supported: use qemu or test. Examples', LIBVIRT, 'the driver {driver:?} is not supported', 'Line 2: The driver “xen” is not supported: use qemu, as in qemu:///system.'],
  ['`endpoints[0]` is not a libvirt address that can be used: the transport "carrier" is not supported: use', LIBVIRT, 'the transport {transport:?} is not supported', 'Line 1: The transport “carrier” is not supported: use ssh, tls, tcp or unix, as in qemu+ssh://root@host/system.'],
  ['`endpoints[0]` is not a libvirt address that can be used: it is not a URI: a scheme and :// are missing', LIBVIRT, 'a scheme and :// are missing', 'Line 1: That is not a libvirt address: one begins with a scheme, as in qemu+ssh://root@host/system.'],
  ['`endpoints[0]` is not a libvirt address that can be used: it is not a URI: it contains blanks or control', LIBVIRT, 'it contains blanks or control', 'Line 1: An address has no spaces in it.'],
  ['`username` is needed: a vCenter or ESXi is signed in to', INPUT, 'is needed: a vCenter or ESXi is signed in to', 'A vCenter or ESXi host needs a user name.'],
  ['`password` is needed: a vCenter or ESXi is signed in to', INPUT, 'is needed: a vCenter or ESXi is signed in to', 'A vCenter or ESXi host needs a password.'],
  ['`password` must be given again: the address changes, and a stored password goes', INPUT, 'must be given again: the {what} changes, and a stored password goes', 'The address or the user name changes: give the password again. The kept one goes only to where it was given for.'],
  ['`trust.thumbprint_sha256` is not a SHA-256 fingerprint: 64', INPUT, 'is not a SHA-256 fingerprint: 64', 'A SHA-256 fingerprint has 64 hexadecimal digits, with or without colons.'],
  ['`trust.ca_pem` is not a bundle of certificates: it', INPUT, 'is not a bundle of certificates: it', 'Those are no certificates: they begin with -----BEGIN CERTIFICATE-----.'],
  ['`trust.ca_pem` holds a private key: give', INPUT, 'holds a private key: give', 'That holds a private key: give certificates only, and treat this key as known to others.'],
  ['`current_password` is not the present password', 'src/app/session.rs', 'is not the present password', 'This is not the present password.'],
  ['`new_password` is the present one', 'src/app/session.rs', 'is the present one', 'It is the present password: choose another one.'],
  ['`new_password` is too short: at least 12 characters', 'src/app/password.rs', 'is too short: at least {MIN_CHARS} characters', 'It is too short: at least 12 characters are needed.'],
  ['`new_password` must not contain the user name', 'src/app/password.rs', 'must not contain the user name', 'It must not contain the user name.'],
  ['there is a tenant named acme already. Edit that one', 'src/app/error.rs', 'there is a {noun} named {name} already', '“acme” is there already.'],
  ['there is a ownership rule named shop already. Edit that one', 'src/app/ownership.rs', 'noun: "ownership rule"', '“shop” is there already.'],
  ['there is a binding named viewer already. Edit that one', 'src/app/access/bindings.rs', 'noun: "binding"', 'This role is given there already.'],
  ['`project_id` names no project', 'src/app/ownership.rs', 'names no project', 'It is not there, or you may not see it: choose another.'],
  ['`username` must be 1 to 64 letters, digits or . _ - @', 'src/app/access/users.rs', 'must be 1 to 64 letters, digits or', '1 to 64 letters, digits or . _ - @.'],
  ['`email` is not an address such as ann@example.com', 'src/app/access/users.rs', 'is not an address such as ann@', 'That is no address such as ann@example.com.'],
  ['`name` must not contain `/`: it stands between the names of a path', 'src/app/access/tenants.rs', 'must not contain `/`: it stands between', 'A name has no “/” in it: it stands between the names of a path.'],
  ['`permissions` must name at least one', 'src/app/access/roles.rs', 'must name at least one', 'Choose at least one.'],
  ['`parent_id` is the tenant itself, or below it', 'src/app/access/tenants.rs', 'is the tenant itself, or below it', 'That is the tenant itself, or one below it.'],
  ['`parent_id` is too far down: at most 8 tenants can be below one another', 'src/app/access/tenants.rs', 'tenants can be below one another', 'Tenants would be too deep below one another.'],
  ['`enabled` would lock you out: this is you', 'src/app/access/users.rs', 'would lock you out', 'That would lock you out yourself.'],
  ['`role_id` belongs to a tenant in which this place is not', 'src/app/access/bindings.rs', 'belongs to a tenant in which this place is not', 'This role belongs to another tenant and cannot be given here.'],
  ['`limits[0].hard` must be from 0 to 1000000000000000', 'src/app/quota.rs', 'must be from 0 to {LIMIT_MAX}', 'From 0 to 1,000,000,000,000,000.'],
  ['`limits[3].soft` must not be above the hard limit', 'src/app/quota.rs', 'must not be above the hard limit', 'The warning must not come after the limit.'],
  ['`expires_in_days` must be from 1 to 3650', 'src/app/tokens.rs', 'must be from 1 to {MAX_DAYS}', 'From 1 to 3650 days.'],
];

beforeAll(() => startLanguages('en'));

it.each(refusals)('%s', (detail, file, words, expected) => {
  // The gateway's words change with the gateway: this is where it is noticed.
  expect(readFileSync(join(import.meta.dirname, '../../..', file), 'utf8'), file).toContain(words);
  expect(said(detail)).toBe(expected);
});

it('says it in Chinese too', async () => {
  await chooseLanguage('zh-CN');
  expect(said('`new_password` is too short: at least 12 characters are needed')).toBe('密码太短：至少需要 12 个字符。');
  expect(said('`name` must not be empty')).toBe('此项必填。');
  for (const [detail] of refusals) expect(said(detail), detail).toMatch(/[一-鿿]/);
  await chooseLanguage('en');
});

it('leaves to the API what it does not know', () => {
  expect(said('`name` holds a control character')).toBeUndefined();
});
