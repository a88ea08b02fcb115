// What the pages of tenants, projects, users, groups and roles have in common: the list's frame, the head, the tabs, the facts.
import { Breadcrumb, BreadcrumbItem, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, EmptyState, EmptyStateBody, Tab, Tabs, TabTitleText, Title } from '@patternfly/react-core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { ProblemError } from '@/api/problem';
import { Loading } from '@/components/Loading';
import { FullPageProblem } from '@/components/Problem';
import { useTabInSight } from '@/components/useTabInSight';
import { useTitle } from '@/components/useTitle';

/** The page of a list. */
export function ListFrame({ title, lead, tools, children }: { title: string; lead: string; tools?: ReactNode; children: ReactNode }) {
  useTitle(title);
  return (
    <div className="sp-page">
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {title}
          </Title>
          <p className="sp-muted">{lead}</p>
        </div>
        {tools}
      </header>
      {children}
    </div>
  );
}

/** The page of one: shown when it is there, and a word when it is not. */
export function OneOf<T>({ query, path, title, children }: { query: UseQueryResult<T>; path: string; title: string; children: (one: T) => ReactNode }) {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = query;
  if (isPending) return <Loading />;
  const gone = error instanceof ProblemError && (error.status === 404 || error.status === 400);
  if (data !== undefined && !gone) return children(data);
  if (!gone) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  return (
    <EmptyState headingLevel="h1" titleText={t('access.gone')}>
      <EmptyStateBody>
        <p>{t('access.goneHint')}</p>
        <Link to={path}>{title}</Link>
      </EmptyStateBody>
    </EmptyState>
  );
}

interface HeadProps {
  /** The list that it belongs to. */
  list: { path: string; title: string };
  name: string;
  marks?: ReactNode;
  acts?: ReactNode;
}

export function Head({ list, name, marks, acts }: HeadProps) {
  const { t } = useTranslation();
  useTitle(name);
  return (
    <>
      <Breadcrumb aria-label={t('shell.breadcrumb')}>
        <BreadcrumbItem render={({ className }) => <Link className={className} to={list.path}>{list.title}</Link>} />
        <BreadcrumbItem isActive>{name}</BreadcrumbItem>
      </Breadcrumb>
      <header className="sp-detail__head">
        <Title headingLevel="h1" size="2xl" className="sp-detail__name">
          {name}
        </Title>
        {marks}
        {acts && <div className="sp-head__acts">{acts}</div>}
      </header>
    </>
  );
}

export interface TabOf {
  id: string;
  label: string;
  /** Whether it is a list that takes all the room there is. */
  isList?: boolean;
  show: () => ReactNode;
}

/** The id of what a tab shows: all take turns in one place. */
const CONTENT = 'tab-content';

/** Tabs whose place stands in the address; the first has none. */
export function TabsOf({ path, name, tabs }: { path: string; name: string; tabs: readonly TabOf[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab } = useParams();
  const shown = tabs.find((one) => one.id === tab) ?? tabs[0]!;
  useTabInSight(shown.id);
  return (
    <>
      <Tabs
        activeKey={shown.id} onSelect={(_, to) => void navigate(to === tabs[0]?.id ? path : `${path}/${to}`)} className="sp-detail__tabs"
        aria-label={name} backScrollAriaLabel={t('shell.tabsBack')} forwardScrollAriaLabel={t('shell.tabsForward')}
      >
        {tabs.map((one) => (
          <Tab key={one.id} eventKey={one.id} tabContentId={CONTENT} title={<TabTitleText>{one.label}</TabTitleText>} />
        ))}
      </Tabs>
      <section id={CONTENT} role="tabpanel" aria-label={shown.label} className={shown.isList ? 'sp-detail__list' : 'sp-detail__content'}>
        {shown.show()}
      </section>
    </>
  );
}

export function Facts({ entries }: { entries: readonly (readonly [string, ReactNode])[] }) {
  return (
    <DescriptionList isCompact columnModifier={{ default: '1Col', lg: '2Col' }}>
      {entries.map(([term, value]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>{term}</DescriptionListTerm>
          <DescriptionListDescription className="sp-anywhere">{value}</DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  );
}
