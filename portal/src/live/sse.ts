// Reads Server-Sent Events out of a stream of text that is cut anywhere.

export interface SseEvent {
  event: string;
  id: string | undefined;
  data: string;
}

export class SseParser {
  private rest = '';
  private event = '';
  private id: string | undefined;
  private data: string[] = [];

  /** Takes the next piece and gives the events that are complete with it. Comments and unknown fields are passed over. */
  feed(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    this.rest += text;
    const lines = this.rest.split('\n');
    this.rest = lines.pop() ?? '';
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (this.data.length > 0) events.push({ event: this.event || 'message', id: this.id, data: this.data.join('\n') });
        this.event = '';
        this.id = undefined;
        this.data = [];
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
      if (name === 'event') this.event = value;
      else if (name === 'data') this.data.push(value);
      else if (name === 'id') this.id = value;
    }
    return events;
  }
}
