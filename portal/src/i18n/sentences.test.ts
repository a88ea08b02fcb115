import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sayWith } from './sentences';
import { gateway } from './zh.gateway';

const say = (message: string) => sayWith(gateway, message);

it('says what a test found', () => {
  expect(say('vc.example answers')).toEqual({ text: 'vc.example 有响应', more: false });
  expect(say('VMware vCenter Server 8.0.3 build-1 answers at vc.example')?.text).toBe('vc.example 有响应：VMware vCenter Server 8.0.3 build-1');
  expect(say('the account sees 1 host in 2 datacenters')?.text).toBe('该账户可以看到 2 个数据中心中的 1 台主机');
  expect(say('libvirt 9.0.0, QEMU 7.2.22')).toBeUndefined();
});

it('says faults, and that the gateway says more', () => {
  const refused = 'https://127.0.0.1:1/sdk cannot be reached: nothing listens there: check the port, and whether the server is up (Connection refused)';
  expect(say(refused)).toEqual({ text: '该端口无人监听：请检查端口，以及服务器是否已启动', more: true });
  expect(say('qemu:///system: could not connect: x. libvirt is not installed or not started on this machine: systemctl start libvirtd')?.more).toBe(true);
});

it('says why something is not allowed, or not now', () => {
  const told = [
    ['Your roles do not allow this: it needs the permission `project.write` there.', '您的角色不允许此操作：需要在该处拥有权限 project.write'],
    ['It cannot be done: it has platform_admin, which you do not have there.', '它在该处拥有“platform_admin”，而您没有'],
    ['It cannot be done: the role allows tenant.write, which you do not have there.', '该角色允许 tenant.write，而您在该处没有此权限'],
    ['the project shop cannot be changed: it holds 3 machines; give them to another project first, or say `release=true`: they go', '项目“shop”中还有 3 台虚拟机：请先分配给其他项目，或勾选交还平台'],
    ['the tenant a/b cannot be changed: 1 projects and 2 tenants are in it; remove or move these first.', '租户“a/b”中还有 1 个项目和 2 个租户：请先移除或移走它们'],
    ['the role ops cannot be changed: 2 bindings name it; remove these first.', '角色“ops”仍有 2 处授予：请先收回'],
  ] as const;
  for (const [message, said] of told) expect(say(message)).toEqual({ text: said, more: false });
});

it('keeps the address that a check of several begins with', () => {
  expect(say('qemu+ssh://root@a/system: libvirt lets us in')?.text).toBe('qemu+ssh://root@a/system: libvirt 允许访问');
});

/** A reason for which an object is left out, as it comes; the words of it that stand in the gateway's sources, and where. */
const reasons: readonly [reason: string, file: string, words: string, said: string][] = [
  ['its name cannot be read: NoPermission', 'src/provider/vsphere/normalize/mod.rs', 'its name cannot be read: {}', '无法读取其名称：NoPermission'],
  ['the platform tells no name of it', 'src/provider/vsphere/normalize/mod.rs', 'the platform tells no name of it', '平台没有给出其名称'],
  ['tag is not read from the inventory', 'src/provider/vsphere/normalize/mod.rs', '{kind} is not read from the inventory', '清单中不读取此类对象：tag'],
  ["the domain web: could not read a domain's definition: gone (libvirt error 1, from QEMU)", 'src/provider/kvm/watch.rs', 'the domain {}: {}', '无法读取虚拟机“web”'],
  ["the network front: could not read a network's definition: gone (libvirt error 1, from network)", 'src/provider/kvm/watch.rs', 'the network {}: {}', '无法读取网络“front”'],
  ['the volume a.img of the pool default: could not understand the XML of a.img: x', 'src/provider/kvm/facts.rs', 'the volume {volume} of the pool {}: {}', '无法读取存储池“default”中的卷“a.img”'],
  ['the volumes of the pool default: could not list the volumes: x', 'src/provider/kvm/facts.rs', 'the volumes of the pool {}: {}', '无法列出存储池“default”中的卷'],
  ['the leases of the network front: could not read the leases: x', 'src/provider/kvm/facts.rs', 'the leases of the network {}: {}', '无法读取网络“front”的 DHCP 租约'],
  ['could not understand the XML of the domain web: uuid is missing', 'kvm/src/error.rs', 'could not understand the XML of {object}', '无法理解其 XML'],
  ['could not read storage pool 1 on qemu:///system within 5s', 'kvm/src/error.rs', 'could not {act} on {host} within {limit:?}', 'qemu:///system 在 5 秒内没有响应'],
  ['could not read storage pool 1 on qemu:///system: 3 earlier calls still hang', 'kvm/src/error.rs', '{hanging} earlier calls still hang', 'qemu:///system 上仍有 3 个先前的调用没有返回'],
  ["could not read a domain's state: boom (libvirt error 38, from QEMU)", 'kvm/src/error.rs', '(libvirt error {code}, from {domain_name})', 'libvirt 报告错误 38（QEMU）'],
  ['the vm vm-1 cannot be stored: its key has 600 bytes; 512 is the most', 'src/store/observe.rs', 'its key has {} bytes; {KEY_MAX_LEN} is the most', '无法保存：其标识有 600 字节，最多 512 字节'],
  ['the vm vm-1 cannot be stored: it has 9 bytes; 8 is the most', 'src/store/observe.rs', 'it has {} bytes; {BODY_MAX_LEN} is the most', '无法保存：其内容有 9 字节，最多 8 字节'],
  ['the vm vm-1 cannot be stored: its key contains a NUL character', 'src/store/observe.rs', 'its key contains a NUL character', '无法保存：其标识中含有 NUL 字符'],
  ['the vm vm-1 cannot be stored: it contains a NUL character', 'src/store/observe.rs', 'it contains a NUL character', '无法保存：其内容中含有 NUL 字符'],
  ['the vm vm-1 cannot be stored: its id belongs to an object of another provider', 'src/store/observe.rs', 'its id belongs to an object of another provider', '无法保存：其 ID 属于另一平台的对象'],
  ['the vm vm-1 cannot be stored: value too long', 'src/store/observe.rs', 'the {} {} cannot be stored: {}', '数据库没有接受此对象'],
];

it.each(reasons)('says why an object is left out: %s', (reason, file, words, said) => {
  expect(readFileSync(join(import.meta.dirname, '../../..', file), 'utf8'), file).toContain(words);
  expect(say(reason)?.text).toBe(said);
});

it('has no sentence that the gateway does not say', () => {
  const root = join(import.meta.dirname, '../../..');
  const files = ['src/provider', 'src/sync', 'src/app', 'src/api', 'src/store', 'kvm/src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rs')).map((name) => join(root, folder, name)));
  // A text that goes over lines is one line to who reads it.
  const sources = files.map((file) => readFileSync(file, 'utf8').replace(/\\\n\s*/g, '')).join('\n').replace(/\{[\w.:?]*\}/g, '');
  const strange = gateway.flatMap(([pattern]) => {
    // The longest words of the pattern that name nothing.
    const [words = ''] = pattern.source.replace(/\\([().])/g, '$1').split(/\^|\$|\(\\[Sd]\+\)|\(\.\+\??\)|\.\+|s\?|\|/).map((part) => part.trim()).sort((a, b) => b.length - a.length);
    // What is counted is put together of its number and its noun, what answers of its name and the word.
    return sources.includes(words.replace(/^this machine answers$/, 'this machine')) || pattern.source.includes('(\\d+) machines') ? [] : [`“${words}” of ${pattern.source}`];
  });
  expect(strange).toEqual([]);
});
