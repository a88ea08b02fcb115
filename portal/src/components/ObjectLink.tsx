import { Skeleton } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { paths, type Kind } from '@/api/gen/fields';
import { useName, useProviderName } from '@/api/names';
import { providersQuery } from '@/api/queries';

/** A link to an object by its name; its id until the name is known. */
export function ObjectLink({ kind, id, name }: { kind: Kind; id: string; name?: string }) {
  const found = useName(kind, name === undefined ? id : null);
  const text = name ?? found;
  if (text === undefined) return <Skeleton width="8rem" screenreaderText={id} />;
  if (text === null) return <span className="sp-mono sp-muted" title={id}>{id.slice(0, 8)}…</span>;
  return (
    <Link to={`/${paths[kind]}/${id}`} className="sp-truncate" title={text}>
      {text}
    </Link>
  );
}

export function ProviderName({ id }: { id: string }) {
  const { data: providers } = useQuery(providersQuery);
  const name = useProviderName(id);
  // Whose machines one sees, their provider one may not.
  if (providers && name === undefined) return <span className="sp-mono sp-muted" title={id}>{id.slice(0, 8)}…</span>;
  return <Link to={`/providers/${id}`} className="sp-truncate" title={name}>{name ?? ''}</Link>;
}
