namespace Sos.Sdk.Ports;

/// <summary>Which end of a pair of slot rings a port is.</summary>
public enum SlotPortSide
{
    /// <summary>The service's: produces to_host, consumes from_host, and wakes the other side when that has armed a ring.</summary>
    Service = 0,

    /// <summary>The other: produces from_host, consumes to_host. It polls, and arms nothing.</summary>
    Host = 1,
}
