namespace Sos.Ssh;

/// <summary>A server's times and amounts. <see cref="Default"/> is right unless something is tested.</summary>
public struct SshLimits
{
    /// <summary>The limits that a server has by default.</summary>
    public static SshLimits Default => new()
    {
        LoginNs = 60_000_000_000, // a person types a passphrase in it
        KeyExchangeNs = 30_000_000_000,
        RekeyBytes = 1UL << 30, // RFC 4253, 9: a gigabyte, or an hour
        RekeyPackets = 1UL << 31, // RFC 4344, 3.1
        RekeyNs = 3600_000_000_000,
        AttemptsMax = 6,
        ComputationsPerSecond = 20, // of about a millisecond each
        ComputationsBurst = 40,
    };

    /// <summary>Time from the connection's beginning to its log-in.</summary>
    public ulong LoginNs { get; set; }

    /// <summary>Time that the client has for its part of a key exchange.</summary>
    public ulong KeyExchangeNs { get; set; }

    /// <summary>Bytes in one direction after which the server wants new keys.</summary>
    public ulong RekeyBytes { get; set; }

    /// <summary>Packets in one direction after which the server wants new keys. Twice as many end the connection.</summary>
    public ulong RekeyPackets { get; set; }

    /// <summary>Time after which the server wants new keys.</summary>
    public ulong RekeyNs { get; set; }

    /// <summary>Failed tries to log in, after which the connection ends.</summary>
    public uint AttemptsMax { get; set; }

    /// <summary>Key exchanges and users' signatures a second, for all sessions. What is more waits.</summary>
    public uint ComputationsPerSecond { get; set; }

    /// <summary>How many of these may come at once.</summary>
    public uint ComputationsBurst { get; set; }

    /// <summary>Whether each limit lets something through.</summary>
    internal readonly bool AreValid => LoginNs > 0 && KeyExchangeNs > 0 && RekeyBytes > 0 && RekeyPackets is > 0 and <= 1UL << 31 && RekeyNs > 0
        && AttemptsMax > 0 && ComputationsPerSecond is > 0 and <= 1_000_000_000 && ComputationsBurst > 0;
}
