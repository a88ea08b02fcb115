// Picks one object of a noun by typing its name.
import { FormGroup, MenuToggle, Select, SelectList, SelectOption, TextInputGroup, TextInputGroupMain } from '@patternfly/react-core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { listPage } from '@/api/client';
import type { Kind } from '@/api/gen/fields';
import { useName } from '@/api/names';

const SHOWN = 20;

interface Props {
  id: string;
  kind: Kind;
  value: string;
  onChange: (id: string) => void;
}

export function ObjectPicker({ id, kind, value, onChange }: Props) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState<string>();
  const asked = useDeferredValue((typed ?? '').trim());
  const name = useName(kind, value.includes(',') ? null : value);
  const { data } = useQuery({
    queryKey: ['picker', kind, asked],
    queryFn: ({ signal }) => listPage(kind, asked ? { q: asked } : {}, { limit: SHOWN }, signal),
    enabled: open,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
  const label = t(`kinds.${kind}.one`);
  return (
    <FormGroup label={label} fieldId={id}>
      <Select
        isOpen={open} onOpenChange={setOpen} selected={value}
        onSelect={(_, chosen) => {
          onChange(String(chosen));
          setTyped(undefined);
          setOpen(false);
        }}
        toggle={(toggle) => (
          <MenuToggle variant="typeahead" innerRef={toggle} isExpanded={open} isFullWidth onClick={() => setOpen(!open)} aria-label={label}>
            <TextInputGroup isPlain>
              <TextInputGroupMain
                inputId={id} value={typed ?? name ?? value} autoComplete="off" placeholder={t('list.filterPick')} role="combobox"
                isExpanded={open} aria-label={label} aria-controls={`${id}-list`} onClick={() => setOpen(true)}
                onChange={(_, text) => {
                  setTyped(text);
                  setOpen(true);
                }}
              />
            </TextInputGroup>
          </MenuToggle>
        )}
      >
        <SelectList id={`${id}-list`} className="sp-picker">
          {(data?.items ?? []).map((object) => (
            <SelectOption key={object.id} value={object.id}>
              {(object as { name?: string }).name ?? object.id}
            </SelectOption>
          ))}
          {data?.items.length === 0 && <SelectOption isDisabled>{t('list.noMatch')}</SelectOption>}
        </SelectList>
      </Select>
    </FormGroup>
  );
}
