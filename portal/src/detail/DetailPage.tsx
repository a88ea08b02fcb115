// The page of one object: what it is, what belongs to it, and the platform's own detail. What differs between nouns stands in
// their declarations (src/nouns/).
import { Alert, Badge, Breadcrumb, BreadcrumbItem, Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Tab, Tabs, TabTitleText, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { paths, type Kind, type Objects, type Word } from '@/api/gen/fields';
import { useName } from '@/api/names';
import { objectQuery } from '@/api/queries';
import { ProblemError } from '@/api/problem';
import { FullPageProblem } from '@/components/Problem';
import { Loading } from '@/components/Loading';
import { Stale } from '@/components/Stale';
import { StateLabel } from '@/components/StateLabel';
import { Flash } from '@/components/Flash';
import { useTabInSight } from '@/components/useTabInSight';
import { useTitle } from '@/components/useTitle';
import { nounOf } from '@/nouns';
import { kindIcons } from '@/nouns/icons';
import type { Tab as TabOf } from '@/nouns/noun';
import { ObjectList } from '@/table/ObjectList';
import { Changes } from './Changes';
import { Native } from './Native';
import { Summary } from './Summary';

const SUMMARY = 'summary';
const CHANGES = 'changes';
const NATIVE = 'native';
/** The id of what a tab shows: all take turns in one place. */
const CONTENT = 'tab-content';

export function DetailPage<K extends Kind>({ kind }: { kind: K }) {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const { data, error, isPending, refetch } = useQuery(objectQuery(kind, id));
  const name = data ? nameOf(data.object) : undefined;
  useTitle(name ?? t(`kinds.${kind}.one`));
  if (isPending) return <Loading />;
  if (!data) return <Missing kind={kind} error={error} onRetry={() => void refetch()} />;
  return <Found key={id} kind={kind} object={data.object} gone={data.gone} />;
}

function nameOf(object: Objects[Kind]): string {
  return (object as { name?: string }).name || object.id;
}

function Found<K extends Kind>({ kind, object, gone }: { kind: K; object: Objects[K]; gone: boolean }) {
  const { t } = useTranslation();
  const noun = nounOf(kind);
  const Icon = kindIcons[kind as Kind];
  const inline = t(`kinds.${kind}.inline`);
  const state = noun.state ? (object as unknown as Record<string, Word>)[noun.state] : undefined;
  const lastKnown = noun.state ? (object as unknown as Record<string, Word | undefined>)[`last_known_${noun.state}`] : undefined;
  return (
    <div className="sp-page sp-detail">
      <Crumbs kind={kind} object={object} />
      <header className="sp-detail__head">
        <span className="sp-detail__icon" aria-hidden="true">
          <Icon />
        </span>
        <Title headingLevel="h1" size="2xl" className="sp-detail__name">
          {nameOf(object)}
        </Title>
        {state && (
          <Flash of={state}>
            <StateLabel state={state} lastKnown={lastKnown} />
          </Flash>
        )}
        <Stale object={object} withText />
      </header>
      {gone && (
        <Alert variant="warning" variantLabel={t('alerts.warning')} isInline title={t('detail.gone', { kind: inline })} className="sp-detail__gone">
          {t('detail.goneHint')}
        </Alert>
      )}
      <ObjectTabs kind={kind} object={object} gone={gone} />
    </div>
  );
}

function ObjectTabs<K extends Kind>({ kind, object, gone }: { kind: K; object: Objects[K]; gone: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = SUMMARY } = useParams();
  const tabs = nounOf(kind).tabs ?? [];
  const own = { [SUMMARY]: t('detail.summary'), [CHANGES]: t('detail.changes'), [NATIVE]: t('detail.native') };
  const known = tab in own || tabs.some((one) => one.id === tab);
  const active = known ? tab : SUMMARY;
  useTabInSight(active);
  const go = (to: string | number) => void navigate(to === SUMMARY ? `/${paths[kind]}/${object.id}` : `/${paths[kind]}/${object.id}/${to}`);
  const title = (one: TabOf<K>) => (one.list ? t(`kinds.${one.list.kind}.many`) : one.label ? t(`detail.${one.label}`) : one.id);
  const shown = tabs.find((one) => one.id === active);
  return (
    <>
      <Tabs
        activeKey={active} onSelect={(_, to) => go(to)} aria-label={nameOf(object)} className="sp-detail__tabs"
        backScrollAriaLabel={t('shell.tabsBack')} forwardScrollAriaLabel={t('shell.tabsForward')}
      >
        {[
          <Tab key={SUMMARY} eventKey={SUMMARY} title={<TabTitleText>{t('detail.summary')}</TabTitleText>} tabContentId={CONTENT} />,
          ...tabs.map((one) => (
            <Tab
              key={one.id} eventKey={one.id} tabContentId={CONTENT}
              title={
                <TabTitleText>
                  {title(one)} {typeof one.count?.(object) === 'number' && <Badge isRead>{one.count(object)}</Badge>}
                </TabTitleText>
              }
            />
          )),
          <Tab key={CHANGES} eventKey={CHANGES} title={<TabTitleText>{own[CHANGES]}</TabTitleText>} tabContentId={CONTENT} />,
          <Tab key={NATIVE} eventKey={NATIVE} title={<TabTitleText>{own[NATIVE]}</TabTitleText>} tabContentId={CONTENT} />,
        ]}
      </Tabs>
      <section id={CONTENT} role="tabpanel" aria-label={shown ? title(shown) : own[active as keyof typeof own]} className={shown?.list ? 'sp-detail__list' : 'sp-detail__content'}>
        {active === SUMMARY && <Summary kind={kind} object={object} />}
        {active === CHANGES && <Changes kind={kind} object={object} gone={gone} />}
        {active === NATIVE && <Native object={object} />}
        {shown?.list && <ObjectList key={shown.id} kind={shown.list.kind} fixed={shown.list.params(object)} hide={shown.list.hide} />}
        {shown?.Show && <shown.Show object={object} />}
      </section>
    </>
  );
}

function Crumbs<K extends Kind>({ kind, object }: { kind: K; object: Objects[K] }) {
  const { t } = useTranslation();
  const parents = nounOf(kind).parents ?? [];
  return (
    <Breadcrumb aria-label={t('shell.breadcrumb')}>
      <BreadcrumbItem render={({ className }) => <Link className={className} to={`/${paths[kind]}`}>{t(`kinds.${kind}.many`)}</Link>} />
      {parents.map(({ kind: parent, field }) => {
        const id = (object as unknown as Record<string, string | null | undefined>)[field];
        return id ? <ParentCrumb key={field} kind={parent} id={id} /> : null;
      })}
      <BreadcrumbItem isActive>{nameOf(object)}</BreadcrumbItem>
    </Breadcrumb>
  );
}

/** The breadcrumbs say of each whether something stands before it. What the reader may not see stands in none. */
function ParentCrumb({ kind, id, showDivider }: { kind: Kind; id: string; showDivider?: boolean }) {
  const name = useName(kind, id);
  if (name === null) return null;
  return <BreadcrumbItem showDivider={showDivider} render={({ className }) => <Link className={className} to={`/${paths[kind]}/${id}`}>{name ?? '…'}</Link>} />;
}

function Missing({ kind, error, onRetry }: { kind: Kind; error: unknown; onRetry: () => void }) {
  const { t } = useTranslation();
  const notThere = error instanceof ProblemError && (error.status === 404 || error.status === 400);
  if (!notThere) return <FullPageProblem error={error} onRetry={onRetry} />;
  const inline = t(`kinds.${kind}.inline`);
  return (
    <EmptyState headingLevel="h1" icon={kindIcons[kind]} titleText={t('detail.notFound', { kind: inline })}>
      <EmptyStateBody>{t('detail.notFoundHint')}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="link" component={(props) => <Link {...props} to={`/${paths[kind]}`} />}>
            {t('detail.toList')}
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
