import { describe, expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { BOX, draw, relations } from './relations';

describe('the picture of relations', () => {
  it('leads from what holds a VM to what it stands on', () => {
    const vm = { id: 'v', zone_id: 'z', cluster_id: null, host_id: 'h', network_ids: ['n1', 'n2'], datastore_ids: ['d'] } as unknown as Objects['vm'];
    expect(relations.vm!(vm)).toEqual([
      [{ kind: 'zone', ids: ['z'] }], [{ kind: 'cluster', ids: [] }], [{ kind: 'host', ids: ['h'] }], 'self',
      [{ kind: 'network', ids: ['n1', 'n2'] }, { kind: 'datastore', ids: ['d'] }],
    ]);
  });

  it('places nothing over anything, and joins neighbours over a gap', () => {
    const { spots, lines, width, height } = draw([1, 0, 1, 3]);
    const all = spots.flat();
    expect(all).toHaveLength(5);
    for (const a of all) {
      expect(a.x + BOX.width).toBeLessThanOrEqual(width);
      expect(a.y + BOX.height).toBeLessThanOrEqual(height);
      for (const b of all) if (a !== b) expect(a.x !== b.x || Math.abs(a.y - b.y) >= BOX.height + BOX.gapY).toBe(true);
    }
    // One to one over the empty column, then one to three.
    expect(lines).toHaveLength(4);
  });
});
