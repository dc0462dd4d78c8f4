using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Routes;

namespace Sos.RouterBench;

/// <summary>A route of the bench.</summary>
/// <param name="Prefix">Its prefix; bits behind its length are 0.</param>
/// <param name="Length">Its length.</param>
/// <param name="Hop">Its next hop, 1 to <see cref="RouteSet.Hops"/>.</param>
internal readonly record struct BenchRoute(RouteAddress Prefix, int Length, byte Hop);

/// <summary>How keys are chosen.</summary>
internal enum KeyKind
{
    /// <summary>All addresses that are given to anyone, alike.</summary>
    Uniform,

    /// <summary>Addresses of the routes' prefixes, all prefixes alike.</summary>
    InRoutes,

    /// <summary>The same, but prefixes are chosen by Zipf's law: the n-th has a share of 1/n.</summary>
    Zipf,
}

/// <summary>Routes that are spread as the Internet's are: by length, and close together where networks were given to one provider.</summary>
internal sealed class RouteSet
{
    /// <summary>Next hops; a peer tells one in a byte.</summary>
    public const int Hops = 200;

    // In 10,000ths; lengths as the Internet's table has them, and a few longer ones as networks have them inside.
    private static readonly (int Length, int Share)[] Shares4 =
    [
        (24, 6000), (23, 1000), (22, 1100), (21, 500), (20, 450), (19, 280), (18, 160), (17, 95), (16, 150), (15, 25), (14, 15), (13, 10), (12, 5),
        (25, 40), (26, 40), (28, 50), (30, 40), (32, 40),
    ];

    private static readonly (int Length, int Share)[] Shares6 =
    [
        (48, 4600), (32, 1200), (44, 1050), (40, 750), (36, 450), (47, 300), (46, 320), (45, 200), (42, 250), (38, 120), (34, 100), (33, 150),
        (29, 250), (28, 40), (24, 10), (20, 10), (56, 80), (64, 120),
    ];

    private static readonly uint[] Blocks6 = [0x2001_0000, 0x2400_0000, 0x2600_0000, 0x2800_0000, 0x2a00_0000, 0x2c00_0000];

    private readonly Random _random;
    private readonly Dictionary<UInt128, byte>[] _byLength = [.. Enumerable.Range(0, 129).Select(_ => new Dictionary<UInt128, byte>())];

    /// <summary>Makes routes, the same ones each time.</summary>
    public RouteSet(bool isIpv6, int count)
    {
        IsIpv6 = isIpv6;
        _random = new Random(count + (isIpv6 ? 1 : 0));
        (int Length, int Share)[] shares = isIpv6 ? Shares6 : Shares4;
        int bits = isIpv6 ? 128 : 32;
        List<BenchRoute> routes = [];
        while (routes.Count < count)
        {
            int length = Choose(shares);
            UInt128 prefix = RandomNetwork() >> (bits - length) << (bits - length);
            byte hop = (byte)_random.Next(1, Hops + 1);
            if (_byLength[length].TryAdd(prefix, hop))
            {
                routes.Add(new BenchRoute(new RouteAddress(prefix, isIpv6), length, hop));
            }
        }

        Routes = routes;
    }

    /// <summary>The family.</summary>
    public bool IsIpv6 { get; }

    /// <summary>The routes, in no order.</summary>
    public IReadOnlyList<BenchRoute> Routes { get; }

    /// <summary>The hop of an address by trying all lengths; 0 for none.</summary>
    public byte Find(UInt128 address)
    {
        int bits = IsIpv6 ? 128 : 32;
        for (int length = bits; length > 0; length--)
        {
            if (_byLength[length].Count > 0 && _byLength[length].TryGetValue(address >> (bits - length) << (bits - length), out byte hop))
            {
                return hop;
            }
        }

        return 0;
    }

    /// <summary>Makes keys.</summary>
    public UInt128[] MakeKeys(KeyKind kind, int count)
    {
        UInt128[] keys = new UInt128[count];
        for (int i = 0; i < count; i++)
        {
            keys[i] = kind == KeyKind.Uniform ? RandomAddress() : InRoute(Routes[kind == KeyKind.Zipf ? ZipfRank() : _random.Next(Routes.Count)]);
        }

        return keys;
    }

    private int Choose((int Length, int Share)[] shares)
    {
        int left = _random.Next(shares.Sum(share => share.Share));
        foreach ((int length, int share) in shares)
        {
            left -= share;
            if (left < 0)
            {
                return length;
            }
        }

        return shares[^1].Length;
    }

    // Two thirds of the networks are within what was given to somebody: /16 of IPv4, /32 of IPv6.
    private UInt128 RandomNetwork()
    {
        if (!IsIpv6)
        {
            uint first = (uint)_random.Next(1 << 8, 224 << 8);
            return ((_random.Next(3) == 0 ? first : Scatter(first)) << 16) | (uint)_random.Next(1 << 16);
        }

        uint given = Blocks6[_random.Next(Blocks6.Length)] | Scatter((uint)_random.Next(1 << 14));
        return ((UInt128)given << 96) | ((UInt128)(ulong)_random.NextInt64() << 33) | (uint)_random.Next();
    }

    private uint Scatter(uint number) => IsIpv6 ? (number * 2_654_435_761u) >> 12 : ((number & 0x3fff) * 3) + (1 << 8);

    private UInt128 RandomAddress() => IsIpv6
        ? ((UInt128)1 << 125) | ((UInt128)(ulong)_random.NextInt64(1L << 61) << 64) | (ulong)_random.NextInt64()
        : (uint)_random.NextInt64(1L << 24, 224L << 24);

    private UInt128 InRoute(BenchRoute route)
    {
        UInt128 host = ((UInt128)(ulong)_random.NextInt64() << 65) | ((UInt128)(ulong)_random.NextInt64() << 2) | (uint)_random.Next(4);
        int bits = IsIpv6 ? 128 : 32;
        return route.Length == bits ? route.Prefix.Value : route.Prefix.Value | (host & ((UInt128.One << (bits - route.Length)) - 1));
    }

    // The n-th of N has about the share 1 / (n ln N): N^u - 1 for a u that is uniform.
    private int ZipfRank() => Math.Min((int)Math.Pow(Routes.Count, _random.NextDouble()) - 1, Routes.Count - 1);
}
