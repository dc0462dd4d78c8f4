namespace Sos.Traffic.Clients;

/// <summary>How the clients tell that their time begins.</summary>
public static class ClientsStart
{
    /// <summary>The line they print when each kind of request was served once, and the clock starts.</summary>
    public const string Line = "begin";
}
