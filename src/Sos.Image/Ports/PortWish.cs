namespace Sos.Image.Ports;

/// <summary>Whether a port is to have a host port: Linux's network behind the service.</summary>
public enum HostPortWish
{
    /// <summary>The port takes none.</summary>
    None = 0,

    /// <summary>Can have one.</summary>
    Optional = 1,

    /// <summary>Cannot do without.</summary>
    Required = 2,
}

/// <summary>One line of what a service says of its ports.</summary>
/// <param name="Name">The port's name, or <see cref="PortWishes.AnyName"/> for ports of all names that no other line has.</param>
/// <param name="Least">Ports of that kind at least.</param>
/// <param name="Most">Ports of that kind at most: 0 or 1 for a name.</param>
/// <param name="HostPort">Whether each of them is to have a host port.</param>
public sealed record PortWish(string Name, int Least, int Most, HostPortWish HostPort);

/// <summary>A port that a service is to be given.</summary>
/// <param name="Name">Its name.</param>
/// <param name="HasHostPort">Whether it has a host port.</param>
public readonly record struct GivenPort(string Name, bool HasHostPort);
