using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Net;
using Sos.Sdk.Services;
using Sos.Ssh;

namespace Sos.RemoteConsole.Ssh;

/// <summary>The parameters of SSH, as the companion writes them: the host's key, the keys that may log in, and randomness, in hexadecimal digits.</summary>
public unsafe struct SshSettings
{
    /// <summary>The parameter that turns SSH on: the host key's seed.</summary>
    public const string HostSeedName = "ssh-host-seed";

    /// <summary>The parameter with fresh randomness of Linux's.</summary>
    public const string RandomName = "ssh-random";

    /// <summary>The parameter with the keys: <see cref="AuthorizedKey"/> after <see cref="AuthorizedKey"/>.</summary>
    public const string KeysName = "ssh-keys";

    /// <summary>The parameter with the port.</summary>
    public const string PortName = "ssh-port";

    /// <summary>The port without that parameter.</summary>
    public const ushort PortDefault = 22;

    /// <summary>Keys that may log in at most: a team, and its programs.</summary>
    public const int KeysMax = 64;

    /// <summary>Bytes of the host key's seed, and of the randomness.</summary>
    public const int SeedSize = 32;

    private SeedBytes _hostSeed;
    private SeedBytes _random;
    private byte* _keys; // in the control region, where the parameters stay
    private int _keysLength;

    /// <summary>The port; 0: SSH is off.</summary>
    public ushort Port { get; private set; }

    /// <summary>The keys that may log in.</summary>
    public readonly int KeyCount => _keysLength / (2 * AuthorizedKey.Size);

    /// <summary>The host key's seed.</summary>
    [UnscopedRef]
    internal readonly ReadOnlySpan<byte> HostSeed => _hostSeed;

    /// <summary>Randomness, used once.</summary>
    [UnscopedRef]
    internal readonly ReadOnlySpan<byte> Random => _random;

    /// <summary>Reads the parameters. Secrets are overwritten where they stood.</summary>
    /// <returns>False if one is missing or cannot be; without <see cref="HostSeedName"/> SSH is off, which is well.</returns>
    public static bool TryRead(Parameters parameters, out SshSettings settings)
    {
        settings = default;
        if (!parameters.TryFind("ssh-host-seed"u8, out ReadOnlySpan<byte> hostSeed))
        {
            return true;
        }

        ulong port = PortDefault;
        bool isRead = (!parameters.TryFind("ssh-port"u8, out _) || parameters.TryGetUInt64("ssh-port"u8, out port))
            && port is > 0 and <= ushort.MaxValue
            && TryTakeSecret(hostSeed, settings._hostSeed)
            && parameters.TryFind("ssh-random"u8, out ReadOnlySpan<byte> random)
            && TryTakeSecret(random, settings._random)
            && parameters.TryFind("ssh-keys"u8, out ReadOnlySpan<byte> keys)
            && settings.TryTakeKeys(keys);
        settings.Port = isRead ? (ushort)port : (ushort)0;
        return isRead;
    }

    /// <summary>Reads the keys.</summary>
    /// <param name="keys">Where they go: <see cref="KeyCount"/>.</param>
    internal readonly bool TryReadKeys(Span<AuthorizedKey> keys)
        => IpPrefix.TryReadHex(new ReadOnlySpan<byte>(_keys, _keysLength), MemoryMarshal.AsBytes(keys));

    private bool TryTakeKeys(ReadOnlySpan<byte> text)
    {
        _keys = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(text));
        _keysLength = text.Length;
        bool isHex = true;
        foreach (byte each in text)
        {
            isHex &= char.IsAsciiHexDigit((char)each);
        }

        return isHex && text.Length % (2 * AuthorizedKey.Size) == 0 && KeyCount is > 0 and <= KeysMax;
    }

    // All zeros is what is left of one that was taken: a service that starts from the same memory again would repeat itself.
    private static bool TryTakeSecret(ReadOnlySpan<byte> text, Span<byte> secret)
    {
        bool isRead = IpPrefix.TryReadHex(text, secret);
        byte any = 0;
        foreach (byte each in secret)
        {
            any |= each;
        }

        foreach (ref byte digit in MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(text), text.Length))
        {
            digit = (byte)'0';
        }

        return isRead && any != 0;
    }

    [InlineArray(SeedSize)]
    private struct SeedBytes
    {
        private byte _first;
    }
}
