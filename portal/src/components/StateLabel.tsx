// A state as an icon and its word: never by colour alone.
import { Icon, Tooltip } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
import InProgressIcon from '@patternfly/react-icons/dist/esm/icons/in-progress-icon';
import OffIcon from '@patternfly/react-icons/dist/esm/icons/off-icon';
import PauseCircleIcon from '@patternfly/react-icons/dist/esm/icons/pause-circle-icon';
import QuestionCircleIcon from '@patternfly/react-icons/dist/esm/icons/question-circle-icon';
import RunningIcon from '@patternfly/react-icons/dist/esm/icons/on-running-icon';
import MoonIcon from '@patternfly/react-icons/dist/esm/icons/moon-icon';
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import type { Word } from '@/api/gen/fields';

type Status = 'success' | 'warning' | 'danger' | 'info' | undefined;

const looks: Partial<Record<Word, [ComponentType, Status]>> = {
  running: [RunningIcon, 'success'],
  stopped: [OffIcon, undefined],
  suspended: [MoonIcon, 'info'],
  paused: [PauseCircleIcon, 'warning'],
  crashed: [ExclamationCircleIcon, 'danger'],
  unknown: [QuestionCircleIcon, undefined],
  connected: [CheckCircleIcon, 'success'],
  disconnected: [ExclamationTriangleIcon, 'warning'],
  not_responding: [ExclamationCircleIcon, 'danger'],
  accessible: [CheckCircleIcon, 'success'],
  inaccessible: [ExclamationCircleIcon, 'danger'],
  maintenance: [ExclamationTriangleIcon, 'warning'],
  active: [CheckCircleIcon, 'success'],
  inactive: [OffIcon, undefined],
  ok: [CheckCircleIcon, 'success'],
  orphaned: [ExclamationTriangleIcon, 'warning'],
  invalid: [ExclamationCircleIcon, 'danger'],
  live: [CheckCircleIcon, 'success'],
  lagging: [ExclamationTriangleIcon, 'warning'],
  unreachable: [ExclamationCircleIcon, 'danger'],
  connecting: [InProgressIcon, 'info'],
  loading: [InProgressIcon, 'info'],
  disabled: [OffIcon, undefined],
};

/** Whether a word is shown with an icon. */
export function isState(word: string): word is Word {
  return word in looks;
}

export function StateLabel({ state, lastKnown }: { state: Word; lastKnown?: Word }) {
  const { t } = useTranslation();
  const [Shape, status] = looks[state] ?? [QuestionCircleIcon, undefined];
  const label = (
    <span className={`sp-state ${status ? '' : 'sp-state--quiet'}`}>
      <Icon status={status} isInline>
        <Shape />
      </Icon>
      <span>{t(`words.${state}`)}</span>
    </span>
  );
  if (!lastKnown || lastKnown === state) return label;
  return (
    <Tooltip content={t('live.lastKnown', { state: t(`words.${lastKnown}`) })}>
      <span tabIndex={0}>{label}</span>
    </Tooltip>
  );
}
