// What changed in an object, the newest first: each field with its value before and after.
import { Button, Label, Skeleton } from '@patternfly/react-core';
import ArrowRightIcon from '@patternfly/react-icons/dist/esm/icons/arrow-right-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { FieldName, Kind, Objects } from '@/api/gen/fields';
import { Age } from '@/components/Age';
import { FieldValue, fieldOf, textOf } from '@/components/FieldValue';
import { FullPageProblem } from '@/components/Problem';
import { changesQuery, isTold, listDifference, withField, type Change, type FieldChange } from './changes';

/** Of a list so many values are shown, the others are counted. */
const MOST = 6;

interface Of<K extends Kind> {
  kind: K;
  object: Objects[K];
}

export function Changes<K extends Kind>({ kind, object, gone }: Of<K> & { gone: boolean }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({ ...changesQuery(kind, object, gone), placeholderData: keepPreviousData });
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = query;
  if (error && !data) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  const changes = data.pages.flatMap((page) => page.items);
  return (
    <>
      <p className="sp-muted sp-page__lead">{t('changes.lead')}</p>
      <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('detail.changes')}>
        <Thead>
          <Tr>
            <Th width={15}>{t('changes.when')}</Th>
            <Th>{t('changes.what')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {changes.map((change) => (
            <Tr key={`${change.op} ${change.revision ?? change.at}`}>
              <Td dataLabel={t('changes.when')}>
                <Age time={change.at} />
              </Td>
              <Td dataLabel={t('changes.what')}>
                <What kind={kind} object={object} change={change} />
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {hasNextPage && (
        <Button variant="link" className="sp-history__more" onClick={() => void fetchNextPage()} isLoading={isFetchingNextPage} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={isFetchingNextPage}>
          {t('changes.older')}
        </Button>
      )}
    </>
  );
}

function What<K extends Kind>({ kind, object, change }: Of<K> & { change: Change }) {
  const { t } = useTranslation();
  if (change.op === 'created') return <Label isCompact status="success">{t('changes.created')}</Label>;
  if (change.op === 'deleted') return <Label isCompact status="danger">{t('changes.deleted')}</Label>;
  if (!change.fields) return <span className="sp-muted">{t('changes.unknown')}</span>;
  return (
    <dl className="sp-changes">
      {change.fields.map((field) => (
        <div key={[field.field, ...field.path].join(' ')} className="sp-changes__one">
          <dt>
            {t(`fields.${field.field as FieldName}`, { defaultValue: field.field.replaceAll('_', ' ') })}
            {field.path.length > 0 && <span className="sp-muted"> {field.path.join(' › ')}</span>}
          </dt>
          <dd>
            <Values kind={kind} object={object} change={field} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Values<K extends Kind>({ kind, object, change }: Of<K> & { change: FieldChange }) {
  const { t } = useTranslation();
  if (change.omitted) return <span className="sp-muted">{t('changes.omitted')}</span>;
  const parts = change.path.length === 0 ? listDifference(change.before, change.after) : null;
  const value = (one: unknown) => <One kind={kind} object={object} change={change} value={one} />;
  if (parts) {
    return (
      <span className="sp-several">
        {parts.went.length > 0 && <del className="sp-changes__part"><span className="pf-v6-screen-reader">{t('changes.went')} </span>{value(parts.went)}</del>}
        {parts.came.length > 0 && <ins className="sp-changes__part"><span className="pf-v6-screen-reader">{t('changes.came')} </span>{value(parts.came)}</ins>}
      </span>
    );
  }
  return (
    <span className="sp-changes__values">
      <span className="sp-muted">{value(change.before)}</span>
      <ArrowRightIcon aria-hidden="true" className="sp-muted" />
      <span className="pf-v6-screen-reader">{t('changes.to')}</span>
      <span>{value(change.after)}</span>
    </span>
  );
}

/** A value as its field is shown elsewhere; a part of one, and what is no field, as a text. */
function One<K extends Kind>({ kind, object, change, value }: Of<K> & { change: FieldChange; value: unknown }) {
  const { t } = useTranslation();
  const field = change.path.length === 0 ? fieldOf(kind, change.field) : undefined;
  if (!isTold(value)) return <span>{t('common.none')}</span>;
  if (field) return <FieldValue kind={kind} object={withField(object, field.name, value)} field={field} most={MOST} />;
  return <span className="sp-anywhere">{typeof value === 'boolean' ? t(value ? 'common.yes' : 'common.no') : textOf(value)}</span>;
}
