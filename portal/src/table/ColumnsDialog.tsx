// Chooses the columns and their order.
import { Button, Checkbox, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Kind } from '@/api/gen/fields';
import { Dialog } from '@/components/Dialog';
import { NAME, type Column } from './columns';

interface Props<K extends Kind> {
  all: readonly Column<K>[];
  shown: readonly Column<K>[];
  onDone: (columns: string[] | undefined) => void;
  onClose: () => void;
}

export function ColumnsDialog<K extends Kind>({ all, shown, onDone, onClose }: Props<K>) {
  const { t } = useTranslation();
  const id = useId();
  const [chosen, setChosen] = useState(shown.map((column) => column.id).filter((column) => column !== NAME));
  // What is shown comes first, in its order; then the others.
  const [order] = useState(() => {
    const first = shown.filter((column) => column.id !== NAME);
    return [...first, ...all.filter((column) => column.id !== NAME && !first.includes(column))];
  });
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('list.columnsTitle')} labelId={`${id}-title`} />
      <ModalBody tabIndex={0}>
        <div className="sp-columns" role="group" aria-labelledby={`${id}-title`}>
          {order.map((column) => (
            <Checkbox
              key={column.id} id={`${id}-${column.id}`} label={column.label} isChecked={chosen.includes(column.id)}
              onChange={(_, on) => setChosen(on ? [...chosen, column.id] : chosen.filter((one) => one !== column.id))}
            />
          ))}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={() => onDone(chosen)}>{t('common.save')}</Button>
        <Button variant="secondary" onClick={() => onDone(undefined)}>
          {t('list.columnsReset')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}
