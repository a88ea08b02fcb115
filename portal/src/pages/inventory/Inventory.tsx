// The inventory as a tree, and beside it what is chosen in it. The view and the choice are in the address.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Title, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import PlugIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon';
import TreeIcon from '@patternfly/react-icons/dist/esm/icons/project-diagram-icon';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { useMay } from '@/access/queries';
import { paths, type Kind, type Objects, type Word } from '@/api/gen/fields';
import { isKind, useProviderName } from '@/api/names';
import { objectQuery } from '@/api/queries';
import { Flash } from '@/components/Flash';
import { Loading } from '@/components/Loading';
import { FullPageProblem } from '@/components/Problem';
import { Stale } from '@/components/Stale';
import { StateLabel } from '@/components/StateLabel';
import { useNarrow } from '@/components/useNarrow';
import { useTitle } from '@/components/useTitle';
import { Summary } from '@/detail/Summary';
import { nounOf } from '@/nouns';
import { kindIcons } from '@/nouns/icons';
import { VIEWS, type Node, type View } from './tree';
import { TreeList } from './TreeList';
import { useTree, useVmCounts } from './useTree';

const NO_COUNTS: ReadonlyMap<string, number> = new Map();

function addressOf({ kind, id }: Node): string {
  if (kind === 'provider') return `/providers/${id}`;
  return `/${paths[kind === 'lone_host' ? 'cluster' : kind]}/${id}`;
}

export function Inventory() {
  const { t } = useTranslation();
  useTitle(t('inventory.title'));
  const navigate = useNavigate();
  const narrow = useNarrow();
  const [search, setSearch] = useSearchParams();
  const asked = search.get('view');
  const view: View = VIEWS.find((one) => one === asked) ?? 'hosts';
  const chosen = search.get('at');
  const tree = useTree(view, chosen);
  const counts = useVmCounts();
  const choose = (node: Node) => {
    // There is no room beside the tree on a phone: the thing's own page is shown.
    if (narrow) void navigate(addressOf(node));
    else setSearch((now) => { now.set('at', `${node.kind}:${node.id}`); return now; }, { replace: true });
  };
  const setView = (to: View) => setSearch((now) => { now.set('view', to); return now; });
  return (
    <div className="sp-page sp-page--fixed">
      <header className="sp-inventory__head">
        <Title headingLevel="h1" size="2xl">{t('inventory.title')}</Title>
        <ToggleGroup aria-label={t('inventory.by')} isCompact>
          {VIEWS.map((one) => (
            <ToggleGroupItem key={one} text={t(`inventory.views.${one}`)} buttonId={`view-${one}`} isSelected={one === view} onChange={() => setView(one)} />
          ))}
        </ToggleGroup>
      </header>
      {tree.providers === 0 ? <NoProviders /> : (
        <div className="sp-inventory">
          <TreeList key={view} tree={tree} label={t('inventory.tree', { view: t(`inventory.views.${view}`) })} counts={view === 'hosts' ? counts : NO_COUNTS} chosen={chosen} onChoose={choose} />
          {!narrow && <section className="sp-inventory__pane" tabIndex={0} aria-label={t('inventory.chosen')}><Pane chosen={chosen} /></section>}
        </div>
      )}
    </div>
  );
}

function NoProviders() {
  const { t } = useTranslation();
  const may = useMay('provider.write');
  if (!may) return <EmptyState headingLevel="h2" icon={PlugIcon} titleText={t('inventory.noneSeen')} />;
  return (
    <EmptyState headingLevel="h2" icon={PlugIcon} titleText={t('overview.noProviders')}>
      <EmptyStateBody>{t('overview.noProvidersHint')}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="primary" component={(props) => <Link {...props} to="/providers" />}>{t('overview.toProviders')}</Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

function Pane({ chosen }: { chosen: string | null }) {
  const { t } = useTranslation();
  const [kind = '', id = ''] = chosen?.split(':') ?? [];
  if (kind === 'provider') return <ProviderPane id={id} />;
  const noun = kind === 'lone_host' ? 'cluster' : kind;
  if (isKind(noun) && id) return <ObjectPane key={id} kind={noun} id={id} />;
  return (
    <EmptyState headingLevel="h2" icon={TreeIcon} titleText={t('inventory.nothingChosen')} variant="sm">
      <EmptyStateBody>{t('inventory.nothingChosenHint')}</EmptyStateBody>
    </EmptyState>
  );
}

function ProviderPane({ id }: { id: string }) {
  const { t } = useTranslation();
  const name = useProviderName(id);
  return (
    <header className="sp-inventory__what">
      <span className="sp-detail__icon" aria-hidden="true"><PlugIcon /></span>
      <Title headingLevel="h2" size="xl"><Link to={`/providers/${id}`}>{name ?? t('inventory.goneTitle')}</Link></Title>
    </header>
  );
}

function ObjectPane<K extends Kind>({ kind, id }: { kind: K; id: string }) {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery(objectQuery(kind, id));
  if (isPending) return <Loading />;
  if (!data) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  const object: Objects[K] = data.object;
  const Icon = kindIcons[kind as Kind];
  const field = nounOf(kind).state as string | undefined;
  const members = object as unknown as Record<string, Word | undefined>;
  const state = field ? members[field] : undefined;
  return (
    <>
      <header className="sp-inventory__what">
        <span className="sp-detail__icon" aria-hidden="true"><Icon /></span>
        <Title headingLevel="h2" size="xl" className="sp-detail__name">
          <Link to={`/${paths[kind]}/${id}`}>{(object as { name?: string }).name || id}</Link>
        </Title>
        {data.gone ? <span className="sp-muted">{t('list.gone')}</span> : state && <Flash of={state}><StateLabel state={state} lastKnown={field ? members[`last_known_${field}`] : undefined} /></Flash>}
        <Stale object={object} withText />
      </header>
      <Summary kind={kind} object={object} />
    </>
  );
}
