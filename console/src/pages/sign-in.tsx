import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { ApiError, api, ask } from '../api/client.ts';
import { useForgetAll } from '../session.tsx';
import { Button, Failed, Field, Input, join } from '../ui/parts.tsx';

const route = getRouteApi('/sign-in');

/** By the admin key, as on the first day, or as a person. */
export function SignIn() {
  const { to } = route.useSearch();
  const [way, setWay] = useState<'key' | 'person'>('key');
  const ways = useQuery({ queryKey: ['ways'], queryFn: () => ask(api.GET('/api/v1/login/ways')) });
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="w-full max-w-sm rounded-xl border border-line bg-surface p-6 sm:p-8">
        <img src="/console/mark.svg" alt="" width="36" height="36" />
        <h1 className="mt-4 text-xl font-semibold tracking-tight">Sign in to Common Carrier</h1>
        <p className="mt-1 text-ink-2">Every model, carried on equal terms.</p>
        <div
          className="mt-6 grid grid-cols-2 gap-1 rounded-md bg-sunken p-1"
          role="tablist"
          aria-label="How to sign in"
        >
          {(['key', 'person'] as const).map(each => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              aria-selected={way === each}
              aria-controls="way"
              onClick={() => setWay(each)}
              className={join(
                'rounded px-2 py-1 text-[13px]',
                way === each ? 'bg-surface font-medium shadow-sm' : 'text-ink-2',
              )}
            >
              {each === 'key' ? 'Admin key' : 'Your account'}
            </button>
          ))}
        </div>
        <div id="way" role="tabpanel" aria-labelledby={`tab-${way}`} className="mt-5">
          {way === 'key' ? <ByKey to={to} /> : <ByAccount to={to} />}
        </div>
        {ways.data?.oidc === true && (
          <a
            href={`/api/v1/login/oidc?returnTo=${encodeURIComponent(`/console${to ?? '/'}`)}`}
            className="mt-3 flex h-9 items-center justify-center rounded-md border border-line font-medium hover:bg-sunken"
          >
            Continue with your organisation
          </a>
        )}
      </div>
    </main>
  );
}

function useEnter(to: string | undefined) {
  const forgetAll = useForgetAll();
  const router = useRouter();
  return () => {
    forgetAll();
    router.history.push(`/console${to ?? '/'}`);
  };
}

function ByKey({ to }: { readonly to: string | undefined }) {
  const enter = useEnter(to);
  const [key, setKey] = useState('');
  const { submit, error, isBusy } = useSubmit(async () => {
    await ask(api.POST('/api/v1/login/admin-key', { body: { key: key.trim() } }));
    setKey('');
    enter();
  });
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field
        label="Admin key"
        hint={
          <>
            The first start wrote it to <code className="font-mono">.carrier/admin.key</code> and told you where.
          </>
        }
      >
        {ids => (
          <Input
            {...ids}
            type="password"
            autoComplete="off"
            spellCheck={false}
            required
            value={key}
            onChange={event => setKey(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" kind="primary" className="h-9 w-full justify-center" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </Button>
      <Refusal error={error} />
    </form>
  );
}

function ByAccount({ to }: { readonly to: string | undefined }) {
  const enter = useEnter(to);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState<string | undefined>(undefined);
  const { submit, error, isBusy } = useSubmit(async () => {
    try {
      const body = {
        email: email.trim(),
        password,
        cookie: true,
        ...(code === undefined ? {} : { code: code.trim() }),
      };
      await ask(api.POST('/api/v1/login', { body }));
    } catch (refusal) {
      // The password was right, and there is a second factor.
      if (code === undefined && refusal instanceof ApiError && refusal.code === 'code_required') {
        setCode('');
        return;
      }
      throw refusal;
    }
    setPassword('');
    enter();
  });
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Email">
        {ids => (
          <Input
            {...ids}
            type="email"
            autoComplete="username"
            required
            value={email}
            onChange={event => setEmail(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password">
        {ids => (
          <Input
            {...ids}
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={event => setPassword(event.target.value)}
          />
        )}
      </Field>
      {code !== undefined && (
        <Field label="Code" hint="Of your authenticator app, or a recovery code.">
          {ids => (
            <Input
              {...ids}
              autoComplete="one-time-code"
              inputMode="numeric"
              autoFocus
              required
              value={code}
              onChange={event => setCode(event.target.value)}
            />
          )}
        </Field>
      )}
      <Button type="submit" kind="primary" className="h-9 w-full justify-center" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </Button>
      <Refusal error={error} />
    </form>
  );
}

function Refusal({ error }: { readonly error: unknown }) {
  return error === undefined ? null : (
    <div className="-mx-4">
      <Failed error={error} />
    </div>
  );
}

function useSubmit(run: () => Promise<void>) {
  const [error, setError] = useState<unknown>(undefined);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    run()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return { submit, error, isBusy };
}
