namespace Sos.Ssh.Wire;

/// <summary>The first byte of a packet's payload (RFC 4250, 4.1.2).</summary>
internal enum MessageNumber : byte
{
    None = 0,
    Disconnect = 1,
    Ignore = 2,
    Unimplemented = 3,
    Debug = 4,
    ServiceRequest = 5,
    ServiceAccept = 6,
    ExtensionInfo = 7, // RFC 8308
    KeyExchangeInit = 20,
    NewKeys = 21,
    KeyExchangeRequest = 30, // RFC 5656, 7.1
    KeyExchangeReply = 31,
    AuthenticationRequest = 50,
    AuthenticationFailure = 51,
    AuthenticationSuccess = 52,
    PublicKeyAcceptable = 60, // RFC 4252, 7
    GlobalRequest = 80,
    RequestSuccess = 81,
    RequestFailure = 82,
    ChannelOpen = 90,
    ChannelOpenConfirmation = 91,
    ChannelOpenFailure = 92,
    ChannelWindowAdjust = 93,
    ChannelData = 94,
    ChannelExtendedData = 95,
    ChannelEnd = 96,
    ChannelClose = 97,
    ChannelRequest = 98,
    ChannelSuccess = 99,
    ChannelFailure = 100,
}
