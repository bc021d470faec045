import { BlockList, isIP } from 'node:net';

/** Which addresses may be connected to for media: public ones, and those that the operator names. */
export class AddressPolicy {
  readonly #allowed: BlockList;

  /** `allowed`: networks such as `127.0.0.1/32`, in which also other ports than those of http and https may be asked. */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = blockListOf(allowed);
  }

  /** Of an address in its usual text, without brackets. `undefined`: it may not be asked. */
  judge(address: string): 'public' | 'allowed' | undefined {
    const family = isIP(address);
    // A scoped address names an interface of this machine.
    if (family === 0 || address.includes('%')) return undefined;
    if (this.#allowed.check(address, family === 6 ? 'ipv6' : 'ipv4')) return 'allowed';
    return family === 4 ? judgeVersion4(address) : judgeVersion6(address);
  }
}

function judgeVersion4(address: string): 'public' | undefined {
  return special4.check(address, 'ipv4') ? undefined : 'public';
}

/** Only what is given out as global unicast; of that nothing which leads to an address of the older version. */
function judgeVersion6(address: string): 'public' | undefined {
  return unicast6.check(address, 'ipv6') && !special6.check(address, 'ipv6') ? 'public' : undefined;
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address);
    if (family === 0) throw new Error(`not a network: ${network}`);
    list.addSubnet(address, Number(prefix ?? (family === 4 ? 32 : 128)), family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Not globally reachable, by the registries of IANA (https://www.iana.org/assignments/iana-ipv4-special-registry and
 *  …/iana-ipv6-special-registry, 2026-11), and one more. */
const special4 = blockListOf([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Looks public; inside Azure it is the machine's own control plane
  // (https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16, 2026-11).
  '168.63.129.16/32',
]);

const unicast6 = blockListOf(['2000::/3']);
const special6 = blockListOf([
  // Protocol assignments, with Teredo and ORCHID; 6to4; documentation.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);
