import { Dialog } from '@base-ui/react/dialog';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { Command } from 'cmdk';
import { useEffect, useState } from 'react';
import { api, ask } from './api/client.ts';
import { useForgetAll, useWho } from './session.tsx';
import { Button, Empty, Failed, join } from './ui/parts.tsx';

const places = [
  { to: '/', name: 'Overview', keys: 'g o' },
  { to: '/traffic', name: 'Traffic', keys: 'g t' },
  { to: '/models', name: 'Models', keys: 'g m' },
  { to: '/keys', name: 'Keys', keys: 'g k' },
] as const;

export function Shell() {
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const path = useRouterState({ select: state => state.location.pathname });
  useShortcuts(() => setPaletteOpen(true));
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the menu
  useEffect(() => setMenuOpen(false), [path]);
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_1fr]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-30 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2"
      >
        Skip to content
      </a>
      <div className="border-line max-md:border-b md:sticky md:top-0 md:flex md:h-dvh md:flex-col md:border-r">
        <div className="flex items-center gap-2.5 px-4 py-3.5">
          <img src="/console/mark.svg" alt="" width="24" height="24" />
          <span className="font-semibold tracking-tight">Common Carrier</span>
          <Button
            kind="quiet"
            className="ml-auto md:hidden"
            aria-expanded={isMenuOpen}
            aria-controls="navigation"
            onClick={() => setMenuOpen(!isMenuOpen)}
          >
            Menu
          </Button>
        </div>
        <div id="navigation" className={join('md:flex md:flex-1 md:flex-col', !isMenuOpen && 'max-md:hidden')}>
          <nav aria-label="Main" className="space-y-0.5 px-2 pb-2">
            {places.map(({ to, name }) => (
              <Link
                key={to}
                to={to}
                activeOptions={{ exact: to === '/', includeSearch: false }}
                className="block rounded-md px-2.5 py-1.5 text-ink-2 hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent"
              >
                {name}
              </Link>
            ))}
          </nav>
          <div className="space-y-2 border-line p-3 md:mt-auto md:border-t">
            <Button className="w-full justify-between" onClick={() => setPaletteOpen(true)}>
              Go to … <kbd className="font-mono text-[11px] text-ink-3">Ctrl K</kbd>
            </Button>
            <Account />
          </div>
        </div>
      </div>
      <main id="content" tabIndex={-1} className="min-w-0 outline-none">
        <Outlet />
      </main>
      <Palette isOpen={isPaletteOpen} close={() => setPaletteOpen(false)} />
    </div>
  );
}

function Account() {
  const who = useWho();
  const forgetAll = useForgetAll();
  const navigate = useNavigate();
  const signOut = async () => {
    await ask(api.DELETE('/api/v1/session')).catch(() => {});
    forgetAll();
    await navigate({ to: '/sign-in' });
  };
  return (
    <div className="flex flex-wrap items-center gap-x-1 text-[12px]">
      <span className="w-full truncate px-1 text-ink-2" title={who?.actor.name}>
        {who?.actor.name}
      </span>
      <Theme />
      <Button kind="quiet" className="ml-auto h-7 px-1.5" onClick={() => void signOut()}>
        Sign out
      </Button>
    </div>
  );
}

function Theme() {
  const [theme, setTheme] = useState(() => document.documentElement.dataset['theme']);
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <Button
      kind="quiet"
      className="h-7 px-1.5"
      aria-label={`Use the ${other} theme`}
      onClick={() => {
        document.documentElement.dataset['theme'] = other;
        setTheme(other);
        try {
          localStorage.setItem('carrier.theme', other);
        } catch {
          // Then it holds for this page.
        }
      }}
    >
      {theme === 'dark' ? 'Light' : 'Dark'}
    </Button>
  );
}

function Palette({ isOpen, close }: { readonly isOpen: boolean; readonly close: () => void }) {
  const navigate = useNavigate();
  const [words, setWords] = useState('');
  const go = (run: () => Promise<void>) => {
    close();
    setWords('');
    void run();
  };
  const id = words.trim();
  return (
    <Dialog.Root open={isOpen} onOpenChange={open => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-20 bg-black/40" />
        <Dialog.Popup
          aria-label="Go to"
          className="fixed top-[15vh] left-1/2 z-30 w-[min(34rem,92vw)] -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-raised shadow-xl"
        >
          <Command label="Go to">
            <Command.Input
              value={words}
              onValueChange={setWords}
              placeholder="A page, or the id of an exchange"
              className="h-11 w-full border-b border-line bg-transparent px-4 outline-none placeholder:text-ink-3"
            />
            <Command.List className="max-h-80 overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-6 text-center text-ink-2">Nothing has this name.</Command.Empty>
              {places.map(({ to, name, keys }) => (
                <Command.Item
                  key={to}
                  value={name}
                  onSelect={() => go(() => navigate({ to }))}
                  className="flex cursor-pointer justify-between rounded-md px-3 py-2 data-[selected=true]:bg-accent-soft"
                >
                  {name} <kbd className="font-mono text-[11px] text-ink-3">{keys}</kbd>
                </Command.Item>
              ))}
              {/^ex_[0-9a-z]{26}$/i.test(id) && (
                <Command.Item
                  value={id}
                  onSelect={() => go(() => navigate({ to: '/traffic/$id', params: { id } }))}
                  className="cursor-pointer rounded-md px-3 py-2 data-[selected=true]:bg-accent-soft"
                >
                  Exchange <span className="font-mono">{id}</span>
                </Command.Item>
              )}
            </Command.List>
          </Command>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** Ctrl K, and `g` followed by the letter of a page; not while somebody writes. */
function useShortcuts(openPalette: () => void): void {
  const navigate = useNavigate();
  // biome-ignore lint/correctness/useExhaustiveDependencies: listeners live as long as the shell
  useEffect(() => {
    let pressedGAtMs = 0;
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      const { target } = event;
      const writes =
        target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
      if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'g') pressedGAtMs = event.timeStamp;
      else if (event.timeStamp - pressedGAtMs < 1_000) {
        const place = places.find(({ keys }) => keys.endsWith(` ${event.key}`));
        if (place !== undefined) void navigate({ to: place.to });
        pressedGAtMs = 0;
      }
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

export function PageMissing() {
  return (
    <main className="p-8">
      <Empty title="There is no such page">
        <Link to="/" className="text-accent underline">
          Go to the overview
        </Link>
      </Empty>
    </main>
  );
}

export function PageFailed({ error }: { readonly error: unknown }) {
  return (
    <main className="mx-auto max-w-2xl p-8">
      <h1 className="px-4 text-xl font-semibold">This page could not be shown</h1>
      <Failed error={error} again={() => location.reload()} />
    </main>
  );
}
