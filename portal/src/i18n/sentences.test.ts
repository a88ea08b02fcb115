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

it('keeps the address that a check of several begins with', () => {
  expect(say('qemu+ssh://root@a/system: libvirt lets us in')?.text).toBe('qemu+ssh://root@a/system: libvirt 允许访问');
});

it('has no sentence that the gateway does not say', () => {
  const root = join(import.meta.dirname, '../../..');
  const files = ['src/provider', 'src/sync', 'src/app', 'kvm/src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rs')).map((name) => join(root, folder, name)));
  // A text that goes over lines is one line to who reads it.
  const sources = files.map((file) => readFileSync(file, 'utf8').replace(/\\\n\s*/g, '')).join('\n').replace(/\{[\w.:?]*\}/g, '');
  const strange = gateway.flatMap(([pattern]) => {
    // The longest words of the pattern that name nothing.
    const [words = ''] = pattern.source.replace(/\\([().])/g, '$1').split(/\^|\$|\(\\[Sd]\+\)|\(\.\+\)|\.\+|s\?|\|/).map((part) => part.trim()).sort((a, b) => b.length - a.length);
    // What is counted is put together of its number and its noun, what answers of its name and the word.
    return sources.includes(words.replace(/^this machine answers$/, 'this machine')) || pattern.source.includes('(\\d+) machines') ? [] : [`“${words}” of ${pattern.source}`];
  });
  expect(strange).toEqual([]);
});
