// How many VMs run, are stopped, and so on: one bar, and its parts as links.
import { Skeleton } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Word } from '@/api/gen/fields';
import { Flash } from '@/components/Flash';
import { StateLabel } from '@/components/StateLabel';
import { formatNumber } from '@/format/format';
import type { Figures } from './data';

const STATES: Word[] = ['running', 'stopped', 'suspended', 'paused', 'crashed', 'unknown'];

export function Power({ figures }: { figures: Figures | undefined }) {
  const { t } = useTranslation();
  if (!figures) return <Skeleton height="3rem" screenreaderText={t('common.loading')} />;
  const total = [...figures.power.values()].reduce((sum, count) => sum + count, 0);
  const shown = STATES.filter((state) => figures.power.get(state));
  if (total === 0) return <p className="sp-muted">{t('overview.noVms')}</p>;
  return (
    <>
      <div className="sp-power" aria-hidden="true">
        {shown.map((state) => (
          <span key={state} className={`sp-power__part sp-power__part--${state}`} style={{ flexGrow: figures.power.get(state) }} />
        ))}
      </div>
      <ul className="sp-power__legend">
        {shown.map((state) => (
          <li key={state}>
            <Link to={`/vms?power_state=${state}`}>
              <StateLabel state={state} />
              <Flash of={String(figures.power.get(state))}>
                <strong>{formatNumber(figures.power.get(state) ?? 0)}</strong>
              </Flash>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
