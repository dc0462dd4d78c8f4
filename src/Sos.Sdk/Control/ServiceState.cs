namespace Sos.Sdk.Control;

/// <summary>enum sos_service_state: how far a service has come.</summary>
public enum ServiceState : uint
{
    /// <summary>Not entered yet.</summary>
    Fresh = 0,

    /// <summary>Polling.</summary>
    Initialised = 1,

    /// <summary>Left its loop; the exit code is valid.</summary>
    Ended = 2,
}
