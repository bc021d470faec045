/** Decimals of a currency's minor unit. ISO 4217 list one, as published by SIX on behalf of ISO
 *  (https://www.six-group.com/en/products-services/financial-information/data-standards.html, read 2026-11): those that
 *  have two are listed by their codes alone. Funds codes and metals, in which nobody is billed, are left out. */
const twoDecimals =
  'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC ' +
  'CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES ' +
  'KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR ' +
  'NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT ' +
  'TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';
const zeroDecimals = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF';
const threeDecimals = 'BHD IQD JOD KWD LYD OMR TND';

const exponents: ReadonlyMap<string, number> = new Map([
  ...zeroDecimals.split(' ').map(code => [code, 0] as const),
  ...twoDecimals.split(' ').map(code => [code, 2] as const),
  ...threeDecimals.split(' ').map(code => [code, 3] as const),
]);

export function isCurrency(code: string): boolean {
  return exponents.has(code);
}

/** Throws RangeError for a code that is none. */
export function currencyExponent(code: string): number {
  const exponent = exponents.get(code);
  if (exponent === undefined) throw new RangeError(`not a currency of ISO 4217: ${JSON.stringify(code).slice(0, 20)}`);
  return exponent;
}
