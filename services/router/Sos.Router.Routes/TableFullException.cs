using System;

namespace Sos.Router.Routes;

/// <summary>A part of the table has no room; what was there before stays as it was.</summary>
/// <param name="part">The part, as the parameter of the service calls it.</param>
/// <param name="room">How much there is room for.</param>
/// <param name="wanted">The thing that did not fit.</param>
public sealed class TableFullException(string part, uint room, string wanted) : Exception(
    $"the router's table has no room for {wanted}: {part} is {room}; start the service again with -p {part}={Math.Max(room, 32) * 2UL}")
{
    /// <summary>The parameter that gives more.</summary>
    public string Part => part;
}
