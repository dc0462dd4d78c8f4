using System.Runtime.CompilerServices;

namespace Sos.Firewall.Tracking;

/// <summary>
/// The first fragments that passed, so that the later ones of the same packet pass with them: they have no ports, and no state. Linux puts packets together
/// instead. A few places, of which a new packet takes its own; whoever fills them keeps nothing but fragments out.
/// </summary>
public struct FirstFragments
{
    private const int Count = 512;
    private const uint Milliseconds = 30_000; // net.ipv4.ipfrag_time

    private Places _places;

    /// <summary>Notes that a packet's first fragment passed.</summary>
    /// <param name="name">The packet's name, by a secret.</param>
    /// <param name="clock">The time.</param>
    public void Note(ulong name, in MillisecondClock clock)
    {
        ref Place place = ref _places[(int)(name % Count)];
        place.Name = name;
        place.Expiry = clock.Now + Milliseconds;
    }

    /// <summary>Whether a packet's first fragment passed.</summary>
    /// <inheritdoc cref="Note"/>
    public readonly bool Passed(ulong name, in MillisecondClock clock)
    {
        ref readonly Place place = ref _places[(int)(name % Count)];
        return place.Name == name && !clock.IsPast(place.Expiry);
    }

    [InlineArray(Count)]
    private struct Places
    {
        private Place _first;
    }

    private struct Place
    {
        public ulong Name;
        public uint Expiry;
    }
}
