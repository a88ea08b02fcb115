// What is shown in the place of a page that is not there, or has failed.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, PageSection } from '@patternfly/react-core';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import PathMissingIcon from '@patternfly/react-icons/dist/esm/icons/map-marked-icon';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useRouteError } from 'react-router';
import { useTitle } from '@/components/useTitle';

export function NotFound() {
  const { t } = useTranslation();
  useTitle(t('error.notFound'));
  return (
    <PageSection isFilled>
      <EmptyState headingLevel="h1" icon={PathMissingIcon} titleText={t('error.notFound')}>
        <EmptyStateBody>{t('error.notFoundHint')}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="link" component={(props) => <Link {...props} to="/" />}>
              {t('error.toOverview')}
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </PageSection>
  );
}

export function RouteFailed() {
  const { t } = useTranslation();
  const error = useRouteError();
  useTitle(t('error.title'));
  useEffect(() => console.error(error), [error]);
  return (
    <PageSection isFilled>
      <EmptyState headingLevel="h1" icon={ExclamationCircleIcon} status="danger" titleText={t('error.title')}>
        <EmptyStateBody>
          <p>{t('error.hint')}</p>
          <p className="sp-mono sp-small">{error instanceof Error ? error.message : String(error)}</p>
        </EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={() => location.reload()}>{t('error.reload')}</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </PageSection>
  );
}
