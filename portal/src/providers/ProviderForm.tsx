// The form of a provider: to add one, within the first run, and to edit one. What the API refuses, and what a test of the
// connection finds, is shown at its field.
import { Button, ExpandableSection } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { keys } from '@/api/queries';
import { ApiForm } from '@/form/ApiForm';
import { PasswordField, SelectField, TextAreaField, TextField } from '@/form/fields';
import { FieldFinding, useForm, type FormState } from '@/form/useForm';
import { Checks } from './Checks';
import { TrustCertificate } from './Fingerprint';
import type { Provider, TestReport } from './provider';
import { createBody, rename, type ProviderValues } from './values';

interface Props {
  initial: ProviderValues;
  send: (values: ProviderValues) => Promise<Provider>;
  onDone: (provider: Provider) => void;
  act: string;
  onCancel?: () => void;
  /** Of a provider that is there: its platform stays, its password is kept. */
  edits?: boolean;
  /** The platform is decided elsewhere. */
  kindFixed?: boolean;
}

export function ProviderForm({ initial, send, onDone, act, onCancel, edits, kindFixed }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const form = useForm({
    initial,
    send,
    rename,
    onDone: (provider) => {
      client.setQueryData<Provider[]>(keys.providers(), (all) => all && [...all.filter((one) => one.id !== provider.id), provider].sort((a, b) => a.name.localeCompare(b.name)));
      onDone(provider);
    },
  });
  const test = useConnectionTest(form);
  const trust = (fingerprint: string) => {
    form.set('thumbprint', fingerprint);
    test.run({ thumbprint: fingerprint });
  };
  const { kind } = form.values;
  const vsphere = kind === 'vsphere';
  const tryIt = (
    <Button variant="secondary" onClick={() => test.run()} isLoading={test.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={test.isPending}>
      {t(test.isPending ? 'providers.form.testing' : 'providers.form.test')}
    </Button>
  );
  const kinds = [
    { value: 'vsphere', label: t('providers.form.kindVsphere') },
    { value: 'kvm', label: t('providers.form.kindKvm') },
  ];
  return (
    <div className="sp-join">
      <div className="sp-form">
        <ApiForm form={form} act={act} onCancel={onCancel} more={!edits && tryIt}>
          {!kindFixed && <SelectField form={form} name="kind" label={t('providers.form.kind')} options={kinds} isDisabled={edits} />}
          <TextField form={form} name="name" label={t('providers.form.name')} hint={t('providers.form.nameHint')} isRequired />
          {vsphere ? (
            <TextField form={form} name="endpoints" label={t('providers.form.address')} hint={t('providers.form.addressHint')} isRequired />
          ) : (
            <TextAreaField
              form={form} name="endpoints" label={t('providers.form.uris')} isRequired
              hint={edits ? `${t('providers.form.urisHint')} ${t('providers.form.editAddresses')}` : t('providers.form.urisHint')}
            />
          )}
          <TextField form={form} name="username" label={t('providers.form.username')} hint={t(vsphere ? 'providers.form.usernameHint' : 'providers.form.usernameKvmHint')} isRequired={vsphere} />
          <PasswordField
            form={form} name="password" label={t('providers.form.password')} isRequired={vsphere && !edits} autoComplete="new-password"
            hint={edits ? t('providers.form.passwordKeep') : undefined}
          />
          {vsphere && <TrustFields form={form} />}
        </ApiForm>
      </div>
      {!edits && <TestResult test={test} onTrust={trust} />}
    </div>
  );
}

function TrustFields({ form }: { form: FormState<ProviderValues> }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(Boolean(form.values.thumbprint || form.values.ca_pem));
  const wrong = Boolean(form.fault('thumbprint') || form.fault('ca_pem'));
  return (
    <ExpandableSection toggleText={t('providers.form.trust')} isExpanded={open || wrong} onToggle={(_, on) => setOpen(on)} isIndented>
      <div className="sp-form__part">
        <TextField form={form} name="thumbprint" label={t('providers.form.fingerprint')} hint={t('providers.form.fingerprintHint')} />
        <TextAreaField form={form} name="ca_pem" label={t('providers.form.authority')} hint={t('providers.form.authorityHint')} />
      </div>
    </ExpandableSection>
  );
}

/** What a test found against a field, by the first check that failed. */
function useFindings() {
  const { t } = useTranslation();
  const titles = { endpoints: t('providers.faults.unreachable'), password: t('providers.faults.refused') };
  return (report: TestReport): FieldFinding | undefined => {
    const failed = report.checks.find((check) => check.passed === false);
    const field = failed && FIELD_OF_CHECK[failed.name];
    return field && new FieldFinding(field, { title: titles[field], allowed: [] });
  };
}

/** The field that a check speaks of. */
const FIELD_OF_CHECK: Record<string, 'endpoints' | 'password' | undefined> = {
  address: 'endpoints',
  reach: 'endpoints',
  credentials: 'password',
};

/** A test of what is typed, with nothing kept. */
function useConnectionTest(form: FormState<ProviderValues>) {
  const findingOf = useFindings();
  const { blame } = form;
  const [tested, setTested] = useState<ProviderValues>();
  const test = useMutation({
    mutationFn: (values: ProviderValues) => {
      const { kind, endpoints, username, password, trust } = createBody(values);
      return data(api.POST('/v1/providers/test', { body: { kind, endpoints, username, password, trust } }));
    },
    onMutate: (values) => {
      setTested(values);
      blame(undefined);
    },
    onSuccess: (report) => blame(findingOf(report)),
    onError: blame,
  });
  // Another platform was chosen: what was found of the first says nothing of it.
  const { reset } = test;
  useEffect(() => reset(), [form.values.kind, reset]);
  const same = (name: keyof ProviderValues) => tested?.[name] === form.values[name];
  return {
    run: (change: Partial<ProviderValues> = {}) => test.mutate({ ...form.values, ...change }),
    isPending: test.isPending,
    report: test.data,
    /** The values are others now. */
    stale: !(['kind', 'endpoints', 'username', 'password', 'thumbprint', 'ca_pem'] as const).every(same),
  };
}

type ConnectionTest = ReturnType<typeof useConnectionTest>;

/** What the test found: beside the form, or below it where there is no room. */
function TestResult({ test, onTrust }: { test: ConnectionTest; onTrust: (fingerprint: string) => void }) {
  const { report, stale } = test;
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (report) place.current?.scrollIntoView({ block: 'nearest' });
  }, [report]);
  const fingerprint = stale ? undefined : report?.presented_thumbprint;
  return (
    <aside ref={place} className="sp-join__result" aria-live="polite">
      {report && <Checks report={report} stale={stale} />}
      {fingerprint && <TrustCertificate fingerprint={fingerprint} onTrust={() => onTrust(fingerprint)} isPending={test.isPending} />}
    </aside>
  );
}
