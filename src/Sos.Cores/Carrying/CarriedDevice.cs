using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>A network device that is read, or that gets what another one had.</summary>
/// <param name="link">The device as it is now.</param>
internal sealed class CarriedDevice(NetworkLink link) : IDisposable
{
    private static readonly TimeSpan CarrierPatience = TimeSpan.FromSeconds(5);

    /// <summary>The device as it is now.</summary>
    public NetworkLink Link { get; } = link;

    /// <summary>Number of the device that had it; the same as its own where that could be given to it.</summary>
    public uint FormerIndex { get; init; } = link.Index;

    /// <summary>Name of the device that had it.</summary>
    public string FormerName { get; init; } = link.Name;

    /// <summary>Whether the other device was switched on.</summary>
    public bool WasUp { get; init; } = link.IsUp;

    /// <summary>Whether it is the card, or stands on it; else a host port.</summary>
    public bool IsCard { get; init; }

    /// <summary>How long ago it was read.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>The routing socket of this network namespace.</summary>
    public RouteSocket Routes { get; } = new();

    /// <summary>All that could not be given, a sentence each.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Gives one thing.</summary>
    /// <param name="message">The change.</param>
    /// <param name="what">What it is, for the person who misses it.</param>
    /// <param name="harmless">An errno that is none: that it is there already, mostly.</param>
    public void Give(RouteMessage message, string what, int harmless = 0)
    {
        int errno = Routes.TryChange(message);
        if (errno != 0 && errno != harmless)
        {
            Refuse(what, errno);
        }
    }

    /// <summary>Lists all things of a kind, of which this kernel may have none.</summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public IReadOnlyList<byte[]> List(RouteMessage question) => Routes.TryQueryAll(question, out int errno)
        ?? (errno == Errno.NotSupported ? [] : throw Errno.ToException($"asking Linux what is on {Link.Name}", errno, null));

    /// <summary>Waits until the device's cable is known to be there, or for a while.</summary>
    public void AwaitCarrier()
    {
        const uint lowerUp = 0x10000; // IFF_LOWER_UP
        for (Stopwatch waited = Stopwatch.StartNew(); waited.Elapsed < CarrierPatience; Thread.Sleep(1))
        {
            if (((NetworkLink.Read(Link.Index)?.Flags ?? lowerUp) & lowerUp) != 0)
            {
                return;
            }
        }
    }

    /// <summary>Notes that Linux did not take a thing.</summary>
    public void Refuse(string what, int errno) => Problems.Add($"{what} is not on {Link.Name}: {Marshal.GetPInvokeErrorMessage(errno)}");

    /// <summary>The number by which this device replaces the other; any other number as it is.</summary>
    public uint IndexNow(uint index) => index == FormerIndex ? Link.Index : index;

    /// <summary>Writes the device's number into a message's fixed part.</summary>
    /// <param name="thing">The message; a copy is made.</param>
    /// <param name="offset">Where the number stands.</param>
    public byte[] WithIndex(ReadOnlySpan<byte> thing, int offset)
    {
        byte[] copy = thing.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(offset), Link.Index);
        return copy;
    }

    /// <inheritdoc/>
    public void Dispose() => Routes.Dispose();
}
