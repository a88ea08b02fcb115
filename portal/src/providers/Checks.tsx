// What a connection test found: each check with its result, and what to do.
import { Alert, Icon } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import MinusCircleIcon from '@patternfly/react-icons/dist/esm/icons/minus-circle-icon';
import { useTranslation } from 'react-i18next';
import { GatewayWords } from '@/components/GatewayWords';
import type { Check, TestReport } from './provider';

const NAMES = ['address', 'reach', 'certificate', 'credentials', 'permission', 'version'] as const;
type Name = (typeof NAMES)[number];

interface Props {
  report: TestReport;
  /** The values are others now. */
  stale?: boolean;
}

export function Checks({ report, stale }: Props) {
  const { t } = useTranslation();
  const good = report.checks.every((check) => check.passed !== false && check.passed !== null);
  const look = stale ? 'info' : good ? 'success' : 'danger';
  const { identity } = report;
  return (
    <section className="sp-checks" aria-label={t('providers.checks.title')}>
      <Alert
        variant={look} variantLabel={t(`alerts.${look}`)} isInline isPlain component="h2"
        title={t(stale ? 'providers.checks.stale' : good ? 'providers.checks.good' : 'providers.checks.bad')}
      >
        {identity && !stale && <span>{`${identity.product} ${identity.version}`}</span>}
      </Alert>
      <ul className="sp-checks__list">
        {report.checks.map((check, index) => (
          <CheckRow key={index} check={check} />
        ))}
      </ul>
    </section>
  );
}

function CheckRow({ check }: { check: Check }) {
  const { t } = useTranslation();
  const name = NAMES.includes(check.name as Name) ? t(`providers.checks.names.${check.name as Name}`) : check.name;
  const skipped = check.passed === null || check.passed === undefined;
  const Shape = skipped ? MinusCircleIcon : check.passed ? CheckCircleIcon : ExclamationCircleIcon;
  const word = t(skipped ? 'providers.checks.skipped' : check.passed ? 'providers.checks.passed' : 'providers.checks.failed');
  return (
    <li className={`sp-checks__row ${skipped ? 'sp-checks__row--skipped' : ''}`}>
      <Icon status={skipped ? undefined : check.passed ? 'success' : 'danger'} isInline>
        <Shape />
      </Icon>
      <span className="sp-checks__name">{name}</span>
      <span className="sp-checks__word">{word}</span>
      {!skipped && (
        <GatewayWords className="sp-checks__message" message={check.message} />
      )}
    </li>
  );
}
