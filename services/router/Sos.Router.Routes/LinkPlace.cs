namespace Sos.Router.Routes;

/// <summary>The place of a neighbour on its link.</summary>
/// <param name="Mac">Its address there.</param>
/// <param name="IsFixed">Whether somebody has fixed that, so that no message changes it.</param>
internal readonly record struct LinkPlace(ulong Mac, bool IsFixed);
