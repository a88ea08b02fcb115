// What a link leads to is opened in the tree, from its platform down.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Kind, Objects } from '@/api/gen/fields';
import { isKind } from '@/api/names';
import { objectQuery } from '@/api/queries';
import { nodeOf, type Node, type View } from './tree';

interface Placed {
  provider_id: string;
  zone_id?: string | null;
  cluster_id?: string | null;
  host_id?: string | null;
}

/** The nodes above an object in the view by hosts; nothing while its cluster is not known. */
export function pathTo(kind: Kind, object: Objects[Kind], cluster: Objects['cluster'] | undefined): Node[] | undefined {
  const { provider_id, zone_id, cluster_id, host_id } = object as unknown as Placed;
  const path: Node[] = [{ kind: 'provider', id: provider_id }];
  if (zone_id) path.push({ kind: 'zone', id: zone_id });
  if (kind !== 'vm' && kind !== 'host') return path;
  if (cluster_id && !cluster) return undefined;
  if (cluster) path.push(nodeOf('cluster', cluster));
  // A host that is a cluster by itself is shown once.
  if (kind === 'vm' && host_id && !cluster?.standalone) path.push({ kind: 'host', id: host_id });
  return path;
}

/** Opens what is above the one that was chosen when the page was entered; who chooses in the tree sees it already. */
export function useReveal(view: View, chosen: string | null, open: (path: readonly Node[]) => void): void {
  const [asked] = useState(view === 'hosts' ? chosen : null);
  const done = useRef(false);
  const [named = '', id = ''] = asked?.split(':') ?? [];
  const kind = named === 'lone_host' ? 'cluster' : isKind(named) ? named : undefined;
  const { data } = useQuery({ ...objectQuery(kind ?? 'vm', id), enabled: kind !== undefined });
  const within = (data?.object as unknown as Placed | undefined)?.cluster_id ?? '';
  const { data: cluster } = useQuery({ ...objectQuery('cluster', within), enabled: within !== '' });
  useEffect(() => {
    if (!kind || !data || done.current) return;
    const path = pathTo(kind, data.object, cluster?.object);
    if (!path) return;
    done.current = true;
    open(path);
  }, [kind, data, cluster, open]);
}
