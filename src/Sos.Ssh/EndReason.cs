namespace Sos.Ssh;

/// <summary>Why a connection ended. Up to 15 these are RFC 4253's reasons (11.1), sent to the client; the others are told to the log alone.</summary>
public enum EndReason : byte
{
    /// <summary>Not ended.</summary>
    None = 0,

    /// <summary>The client sent what the protocol does not allow there.</summary>
    ProtocolError = 2,

    /// <summary>No algorithm in common, or a key exchange that gave no secret.</summary>
    KeyExchangeFailed = 3,

    /// <summary>A packet's authenticator is wrong.</summary>
    MacError = 5,

    /// <summary>The client asked for a service that is not there.</summary>
    ServiceNotAvailable = 7,

    /// <summary>The client speaks another version of the protocol.</summary>
    ProtocolVersionNotSupported = 8,

    /// <summary>The host ended the connection.</summary>
    ByApplication = 11,

    /// <summary>The client tried too many keys.</summary>
    NoMoreAuthenticationMethods = 14,

    /// <summary>The client said that it leaves.</summary>
    ClientLeft = 20,

    /// <summary>Log-in or a key exchange took too long.</summary>
    TimedOut = 21,

    /// <summary>There is no randomness: nobody gave a seed.</summary>
    NoRandomness = 22,
}
