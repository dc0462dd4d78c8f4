using System;
using System.Runtime.InteropServices;
using Sos.Net;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Ssh;

namespace Sos.RemoteConsole.Ssh;

/// <summary>The things that all SSH sessions of a console share: the server, the keys, and where randomness comes from.</summary>
internal unsafe struct SshHost
{
    private const int ProcessorWords = 4;

    private ushort _port;
    private ProcessorRandom _processor;

    /// <summary>The server.</summary>
    public SshServer Server;

    /// <summary>Makes the server ready, or leaves it off.</summary>
    /// <param name="arena">Where the keys are kept.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="processor">The processor's own generator.</param>
    /// <param name="now">The time.</param>
    /// <returns>False if the arena has no room, or a setting cannot be.</returns>
    public bool TryStart(Arena arena, in SshSettings settings, ProcessorRandom processor, Instant now)
    {
        if (settings.Port == 0)
        {
            return true;
        }

        _processor = processor;
        if (!arena.TryAllocate(settings.KeyCount, out MemoryBlock<AuthorizedKey> keys)
            || !settings.TryReadKeys(keys.Span)
            || !Server.TryStart(settings.HostSeed, "console"u8, SshLimits.Default, now.Ms * 1_000_000)
            || !Server.Random.TryReseed(settings.Random))
        {
            return false;
        }

        Server.SetAuthorizedKeys(keys.Pointer, keys.Length);
        MixIn(now.Tsc);
        _port = settings.Port;
        return true;
    }

    /// <summary>Whether a port is the one at which SSH is spoken.</summary>
    public readonly bool IsPort(ushort port) => _port != 0 && port == _port;

    /// <summary>Mixes a time, and what the processor's generator gives, into the randomness. Neither counts as a seed.</summary>
    public void MixIn(ulong tsc)
    {
        Span<ulong> words = stackalloc ulong[1 + ProcessorWords];
        words.Clear();
        if (!Server.Random.IsSeeded)
        {
            return;
        }

        words[0] = tsc;
        for (int i = 1; i <= ProcessorWords; i++)
        {
            _ = _processor.TryRead(out words[i]);
        }

        Server.Random.MixIn(MemoryMarshal.AsBytes(words));
        words.Clear();
    }

    /// <summary>Takes a new seed of Linux's.</summary>
    public void Reseed(ReadOnlySpan<byte> seed, ulong tsc)
    {
        if (_port != 0 && Server.Random.TryReseed(seed))
        {
            MixIn(tsc);
        }
    }
}
