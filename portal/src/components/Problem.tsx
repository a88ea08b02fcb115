// How the API's problems are shown: the kind in the reader's language, the API's own detail, and the way to mend it.
import {
  Alert, Button, Content, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, type AlertProps,
} from '@patternfly/react-core';
import DisconnectedIcon from '@patternfly/react-icons/dist/esm/icons/disconnected-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { problemSlugs } from '@/api/gen/fields';
import { isUnreachable, ProblemError } from '@/api/problem';
import { GatewayWords } from './GatewayWords';

type Slug = (typeof problemSlugs)[number];

/** What went wrong, in the reader's language. */
export function problemTitle(t: TFunction, error: unknown): string {
  if (error instanceof ProblemError) {
    const slug = error.slug as Slug;
    return problemSlugs.includes(slug) ? t(`problems.${slug}`) : error.problem.title;
  }
  if (isUnreachable(error)) return t('error.unreachable');
  return error instanceof Error ? error.message : String(error);
}

function Detail({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (!(error instanceof ProblemError)) return isUnreachable(error) ? <p>{t('error.unreachableHint')}</p> : null;
  const { detail, title, type, request_id } = error.problem;
  const simple = error.slug === 'invalid-credentials';
  if (simple) return null;
  return (
    <>
      {detail && detail !== title && <p><GatewayWords message={detail} /></p>}
      <p className="sp-small sp-muted">
        <a href={type} target="_blank" rel="noreferrer">
          {t('common.learnMore')}
        </a>
        {request_id && (
          <>
            {' · '}
            {t('common.requestId')} <span className="sp-mono">{request_id}</span>
          </>
        )}
      </p>
    </>
  );
}

/** A problem within a form or a page. */
export function ProblemAlert({ error, ...props }: { error: unknown } & Omit<AlertProps, 'title'>) {
  const { t } = useTranslation();
  return (
    <Alert variant="danger" variantLabel={t('alerts.danger')} isInline isLiveRegion component="h2" title={problemTitle(t, error)} {...props}>
      <Detail error={error} />
    </Alert>
  );
}

/** A problem in the place of what could not be read. */
export function FullPageProblem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const icon = isUnreachable(error) ? DisconnectedIcon : ExclamationCircleIcon;
  return (
    <EmptyState headingLevel="h2" icon={icon} status="danger" titleText={problemTitle(t, error)}>
      <EmptyStateBody>
        <Content>
          <Detail error={error} />
        </Content>
      </EmptyStateBody>
      {onRetry && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" onClick={onRetry}>
              {t('common.retry')}
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
