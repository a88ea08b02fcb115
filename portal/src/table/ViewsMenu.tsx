// The saved views of a list: gone to, saved, shared, deleted.
import { Button, Divider, Dropdown, DropdownItem, DropdownList, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, MenuToggle, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import BookmarkIcon from '@patternfly/react-icons/dist/esm/icons/bookmark-icon';
import TrashIcon from '@patternfly/react-icons/dist/esm/icons/trash-icon';
import { useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import type { Kind } from '@/api/gen/fields';
import { copyText } from '@/components/CopyText';
import { Dialog } from '@/components/Dialog';
import { useToast } from '@/shell/Toasts';
import { writeView, type View } from './address';
import { deleteView, saveView, useSavedViews } from './savedViews';

export function ViewsMenu({ kind, view }: { kind: Kind; view: View }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const views = useSavedViews(kind);
  const [open, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'save' | 'manage'>();
  const toggleRef = useRef<HTMLButtonElement>(null);
  const search = writeView(view).toString();
  const current = views.find((one) => one.search === search);
  const close = () => {
    setDialog(undefined);
    setTimeout(() => toggleRef.current?.focus());
  };
  const copy = () => void copyText(location.href).then(() => toast({ title: t('views.linkCopied') }));
  return (
    <>
      <Dropdown
        isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ appendTo: 'inline' }} shouldFocusFirstItemOnOpen
        toggle={{
          toggleRef,
          toggleNode: (
            <MenuToggle
              ref={toggleRef} isExpanded={open} onClick={() => setOpen(!open)} icon={<BookmarkIcon />} className="sp-views"
              aria-label={current ? `${t('views.menu')}: ${current.name}` : t('views.menu')}
            >
              {current?.name ?? t('views.menu')}
            </MenuToggle>
          ),
        }}
      >
        <DropdownList>
          <DropdownItem isSelected={search === ''} onClick={() => void navigate({ search: '' })}>
            {t('views.standard')}
          </DropdownItem>
          {views.map((one) => (
            <DropdownItem key={one.name} isSelected={one === current} onClick={() => void navigate({ search: one.search })}>
              {one.name}
            </DropdownItem>
          ))}
          <Divider component="li" />
          <DropdownItem onClick={() => setDialog('save')}>{t('views.save')}</DropdownItem>
          <DropdownItem onClick={copy}>{t('views.copyLink')}</DropdownItem>
          <DropdownItem isDisabled={views.length === 0} description={views.length === 0 ? t('views.none') : undefined} onClick={() => setDialog('manage')}>
            {t('views.manage')}
          </DropdownItem>
        </DropdownList>
      </Dropdown>
      {dialog === 'save' && (
        <SaveDialog
          names={views.map((one) => one.name)} initial={current?.name ?? ''} onClose={close}
          onSave={(name) => {
            saveView(kind, { name, search });
            toast({ title: t('views.saved', { name }) });
            close();
          }}
        />
      )}
      {dialog === 'manage' && <ManageDialog kind={kind} onClose={close} />}
    </>
  );
}

interface SaveProps {
  names: readonly string[];
  initial: string;
  onSave: (name: string) => void;
  onClose: () => void;
}

function SaveDialog({ names, initial, onSave, onClose }: SaveProps) {
  const { t } = useTranslation();
  const id = useId();
  const [typed, setTyped] = useState(initial);
  const name = typed.trim();
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('views.saveTitle')} description={t('views.saveLead')} labelId={`${id}-title`} />
      <ModalBody>
        <Form
          id={`${id}-form`}
          onSubmit={(event) => {
            event.preventDefault();
            if (name) onSave(name);
          }}
        >
          <FormGroup label={t('views.name')} fieldId={`${id}-name`} isRequired>
            <TextInput id={`${id}-name`} value={typed} onChange={(_, value) => setTyped(value)} maxLength={80} autoComplete="off" autoFocus isRequired />
            {names.includes(name) && (
              <FormHelperText>
                <HelperText>
                  <HelperTextItem variant="warning" screenReaderText={t('alerts.warningStatus')}>{t('views.replaces')}</HelperTextItem>
                </HelperText>
              </FormHelperText>
            )}
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} isDisabled={!name}>
          {t('common.save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}

function ManageDialog({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const views = useSavedViews(kind);
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('views.manageTitle')} labelId={`${id}-title`} />
      <ModalBody>
        {views.length === 0 && <p className="sp-muted">{t('views.none')}</p>}
        <ul className="sp-views__list">
          {views.map((view) => (
            <li key={view.name}>
              <span className="sp-anywhere">{view.name}</span>
              <Button variant="plain" icon={<TrashIcon />} aria-label={t('views.delete', { name: view.name })} onClick={() => deleteView(kind, view.name)} />
            </li>
          ))}
        </ul>
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t('common.close')}</Button>
      </ModalFooter>
    </Dialog>
  );
}
