import { describe, expect, it } from 'vitest';
import { SseParser } from './sse';

const TEXT = 'retry: 1000\n\n:\n\nevent: put\nid: 7\ndata: {"a":\ndata: 1}\n\nevent: bookmark\r\nid: 8\r\ndata: {}\r\n\r\nid: 9\n\n';

describe('SseParser', () => {
  it('reads the same events wherever the stream is cut', () => {
    const whole = new SseParser().feed(TEXT);
    expect(whole).toEqual([
      { event: 'put', id: '7', data: '{"a":\n1}' },
      { event: 'bookmark', id: '8', data: '{}' },
    ]);
    for (let size = 1; size < 12; size += 1) {
      const parser = new SseParser();
      const events = [];
      for (let at = 0; at < TEXT.length; at += size) events.push(...parser.feed(TEXT.slice(at, at + size)));
      expect(events, `pieces of ${size}`).toEqual(whole);
    }
  });

  it('gives nothing before an event is complete', () => {
    const parser = new SseParser();
    expect(parser.feed('data: a')).toEqual([]);
    expect(parser.feed('\n')).toEqual([]);
    expect(parser.feed('\n')).toEqual([{ event: 'message', id: undefined, data: 'a' }]);
  });
});
