using System;
using System.Buffers.Binary;
using Sos.Net;
using Sos.RemoteConsole.Ssh;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Sos.RemoteConsole;

/// <summary>The console's parameters, as its companion writes them: addresses as 32 hexadecimal digits, see <see cref="IpPrefix"/>.</summary>
public struct ConsoleSettings
{
    private const int SeedSize = 32;
    private const ushort TelnetPortDefault = 23;

    private IpAddress _ipv4;
    private IpAddress _ipv6;
    private bool _isAutomatic;
    private MacAddress _mac;
    private bool _hasMac;
    private SourceList _sources;
    private ushort _telnetPort;
    private KeyedHash _secret;

    /// <summary>The password's hash.</summary>
    internal PasswordHash Password;

    /// <summary>The settings of SSH.</summary>
    internal SshSettings Ssh;

    /// <summary>Reads the parameters.</summary>
    /// <returns>False if one is missing or has a value that it cannot have; the log says which.</returns>
    public static bool TryRead(Parameters parameters, Log log, out ConsoleSettings settings)
    {
        settings = default;
        if (!settings.TryReadAddresses(parameters))
        {
            log.Write(LogSeverity.Error, "console: address, address6, autoconf, mac or allow is none: start it with 'sosctl', which writes them"u8);
            return false;
        }

        if (!settings.TryReadSecret(parameters))
        {
            log.Write(LogSeverity.Error, "console: there is no seed: start it with 'sosctl', which takes one from Linux"u8);
            return false;
        }

        if (!SshSettings.TryRead(parameters, out settings.Ssh))
        {
            log.Write(LogSeverity.Error, "console: ssh lacks its port, keys or randomness: start it with 'sosctl', which writes them"u8);
            return false;
        }

        // Nothing is on unless it was asked for.
        if (!parameters.TryFind("telnet-password"u8, out ReadOnlySpan<byte> password))
        {
            return true;
        }

        ulong port = TelnetPortDefault;
        bool isPort = !parameters.TryFind("telnet-port"u8, out _) || parameters.TryGetUInt64("telnet-port"u8, out port);
        if (!isPort || port is 0 or > ushort.MaxValue || port == settings.Ssh.Port || !PasswordHash.TryParse(password, out settings.Password))
        {
            log.Write(LogSeverity.Error, "console: telnet-port is no port, or telnet-password no hash: make one with 'sosctl console password'"u8);
            return false;
        }

        settings._telnetPort = (ushort)port;
        return true;
    }

    /// <summary>The settings of the endpoint.</summary>
    /// <param name="mac">The card's address.</param>
    /// <param name="mtu">Its MTU.</param>
    /// <param name="tscKhz">The TSC's frequency.</param>
    internal readonly EndpointSettings ForEndpoint(MacAddress mac, int mtu, ulong tscKhz)
    {
        PortSet ports = default;
        _ = _telnetPort != 0 && ports.TryAdd(_telnetPort);
        _ = Ssh.Port != 0 && ports.TryAdd(Ssh.Port);
        return new EndpointSettings
        {
            Mac = _hasMac ? _mac : mac,
            HasOwnMac = _hasMac,
            Mtu = Math.Min(mtu, MtuMax),
            Ipv4 = _ipv4,
            Ipv6 = _ipv6,
            IsAutomatic = _isAutomatic,
            Sources = _sources,
            Ports = ports,
            Secret = _secret,
            TscKhz = tscKhz,
        };
    }

    /// <summary>Bytes of a packet at most: every link carries them, and larger segments would gain a console nothing.</summary>
    private const int MtuMax = 1500;

    private bool TryReadAddresses(Parameters parameters)
        => TryReadAddress(parameters, "address"u8, isIpv4: true, ref _ipv4)
            && TryReadAddress(parameters, "address6"u8, isIpv4: false, ref _ipv6)
            && (!parameters.TryFind("autoconf"u8, out _) || parameters.TryGetBoolean("autoconf"u8, out _isAutomatic))
            && (!parameters.TryFind("allow"u8, out ReadOnlySpan<byte> sources) || SourceList.TryParse(sources, out _sources))
            && TryReadMac(parameters);

    private static bool TryReadAddress(Parameters parameters, ReadOnlySpan<byte> name, bool isIpv4, ref IpAddress address)
    {
        if (!parameters.TryFind(name, out ReadOnlySpan<byte> text))
        {
            return true;
        }

        bool isRead = IpPrefix.TryParse(text, out IpPrefix prefix) && prefix.Address.IsHost && prefix.Address.IsIpv4 == isIpv4;
        address = isRead ? prefix.Address : default;
        return isRead;
    }

    private bool TryReadMac(Parameters parameters)
    {
        if (!parameters.TryFind("mac"u8, out ReadOnlySpan<byte> text))
        {
            return true;
        }

        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        _hasMac = IpPrefix.TryReadHex(text, bytes);
        _mac = MacAddress.Read(bytes);
        return _hasMac && !_mac.IsGroup && _mac.Value != 0;
    }

    private bool TryReadSecret(Parameters parameters)
    {
        Span<byte> bytes = stackalloc byte[SeedSize / 2];
        bool isRead = parameters.TryFind("seed"u8, out ReadOnlySpan<byte> text) && IpPrefix.TryReadHex(text, bytes);
        _secret = new KeyedHash(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));
        return isRead;
    }
}
