namespace Sos.Cores;

/// <summary>How a core is kept from Linux.</summary>
public enum BackEndKind
{
    /// <summary>Unplugged, running the monitor; needs the driver.</summary>
    Offline = 0,

    /// <summary>Linux keeps it, but lets nothing run there; the service is a process. Needs root alone.</summary>
    Isolated = 1,
}
